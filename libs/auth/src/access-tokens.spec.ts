import { createHmac } from 'node:crypto';
import { AccessTokens } from './access-tokens';

const SECRET = 'a secret that both sides share, 0123456789';
const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;

it('an access token is what legacy makes: HS256, sub and exp and nothing else', () => {
  const [header, claims, signature] = new AccessTokens(SECRET, 90).issue('ada').split('.') as [string, string, string];
  expect(parse(header)).toEqual({ alg: 'HS256', typ: 'JWT' });
  expect(parse(claims)).toEqual({ sub: 'ada', exp: expect.any(Number) });
  expect(Number.isInteger(parse(claims).exp)).toBe(true);
  expect(signature).toBe(createHmac('sha256', SECRET).update(`${header}.${claims}`).digest('base64url'));
});
