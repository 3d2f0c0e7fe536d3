import { isTooCommon } from './password-rules';

const account = { email: 'ada.lovelace@example.com', username: 'countess' };

describe('a password that is tried first is refused', () => {
  it.each([
    'password',
    'Password1',
    'P@ssw0rd!',
    'password2024',
    '12345678',
    '87654321',
    'qwertyuiop',
    'lkjhgfdsa',
    'iloveyou1',
    'letmein!!',
    'Trustno1',
    '1q2w3e4r',
    'aaaaaaaaaa',
    'abcabcabc',
    'ada.lovelace',
    'ada.lovelace@example.com',
    'Countess99',
    '!!monkey!!',
  ])('%s', (password) => {
    expect(isTooCommon(password, account)).toBe(true);
  });
});

it.each([
  'correct-horse-1',
  'correct horse',
  'wrong-horse-1',
  'x7#kQ2!pLm',
  'sunflowers over the sea',
  'пароль-из-сада',
  'ada likes the sea',
  'password manager wrote this',
])('one that somebody has chosen is taken: %s', (password) => {
  expect(isTooCommon(password, account)).toBe(false);
});

it('is judged in no time, however long', () => {
  expect(isTooCommon('a1'.repeat(512), account)).toBe(true);
  expect(isTooCommon(`${'ab'.repeat(511)}x!`, account)).toBe(false);
});
