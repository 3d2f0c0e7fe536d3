import { createHmac, generateKeyPairSync } from 'node:crypto';
import { verify } from 'jsonwebtoken';
import { AccessTokens } from './access-tokens';

const SECRET = 'a secret that both sides share, 0123456789';
const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;

it('an access token is what legacy makes (HS256, sub and exp), with its session and nothing else', () => {
  const { access_token, ...rest } = new AccessTokens(SECRET, 90).issue('ada', 'her session');
  const [header, claims, signature] = access_token.split('.') as [string, string, string];
  expect(parse(header)).toEqual({ alg: 'HS256', typ: 'JWT' });
  expect(parse(claims)).toEqual({ sub: 'ada', exp: expect.any(Number), sid: 'her session' });
  expect(Number.isInteger(parse(claims).exp)).toBe(true);
  expect(signature).toBe(createHmac('sha256', SECRET).update(`${header}.${claims}`).digest('base64url'));
  expect(rest).toEqual({ token_type: 'bearer', expires_in: 90 });
});

it('where a key of ours signs, it names that key', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let signing: { kid: string; key: typeof privateKey } | undefined = { kid: 'first', key: privateKey };
  const tokens = new AccessTokens(SECRET, 90, () => signing);
  const { access_token } = tokens.issue('ada', 'her session');
  expect(parse(access_token.split('.')[0]!)).toEqual({ alg: 'ES256', typ: 'JWT', kid: 'first' });
  expect(verify(access_token, publicKey, { algorithms: ['ES256'] })).toMatchObject({ sub: 'ada', sid: 'her session' });
  signing = undefined;
  expect(parse(tokens.issue('ada', 'her session').access_token.split('.')[0]!)).toEqual({ alg: 'HS256', typ: 'JWT' });
});
