import { createPublicKey } from 'node:crypto';
import { decode, sign, verify } from 'jsonwebtoken';
import { domainNames } from '@banyan/domains';
import request from 'supertest';
import { Client } from 'pg';
import { TEST_SECRET } from '../support/banyan';
import { Deployment } from '../support/deployment';
import { type Person, register, signIn } from '../support/people';
import { startPlacedOnLegacy } from '../support/placements';
import { until } from '../support/until';

const each = <T>(value: T) => Object.fromEntries(domainNames.map((domain) => [domain, value]));
const header = (token: string) => decode(token, { complete: true })!.header as { alg: string; kid?: string };

interface Scene {
  readonly deployment: Deployment;
  /** Of the accounts, as the superuser. */
  readonly accounts: { readonly url: string; readonly table: string };
  close(): Promise<void>;
}

const environment = { TOKEN_KEYS: 'sign=1d publish=1s' };

const onOwnData = (parts: object) => async (): Promise<Scene> => {
  const deployment = await Deployment.start({ hosts: 2, ...parts, environment });
  const accounts = { url: deployment.databaseUrl('auth_db'), table: 'banyan_auth.users' };
  return { deployment, accounts, close: () => deployment.remove() };
};

async function onLegacyData(): Promise<Scene> {
  const { deployment, legacy, close } = await startPlacedOnLegacy('text', environment);
  return { deployment, accounts: { url: legacy.url, table: 'public.users' }, close };
}

describe.each([
  ['in two hosts', onOwnData({})],
  ['in services', onOwnData({ remote: each(1), workers: each(1) })],
  ['in services on the legacy database', onLegacyData],
])('the keys of access tokens, %s', (_name, start) => {
  let scene: Scene;
  let deployment: Deployment;
  let ada: Person;
  beforeAll(async () => {
    scene = await start();
    ({ deployment } = scene);
    ada = await register(deployment.url, 'ada');
  });
  afterAll(() => scene?.close());

  const urls = () => deployment.hosts.map(({ url }) => url);
  const jwks = async (url = deployment.url) =>
    (await request(url).get('/.well-known/jwks.json').expect(200)).body.keys as { kid: string }[];
  const isGood = async (token: string) => {
    for (const url of urls()) await request(url).get('/api/v1/auth/me').set('Authorization', `Bearer ${token}`).expect(200);
  };
  const signIns = async () => {
    const { body } = await request(deployment.url)
      .post('/api/v1/auth/login')
      .send({ email: ada.email, password: ada.password })
      .expect(200);
    return body.access_token as string;
  };

  it('are the shared secret at first: nothing is published', async () => {
    expect(header(ada.token)).toEqual({ alg: 'HS256', typ: 'JWT' });
    expect(await jwks()).toEqual([]);
  });

  it('become ours by a setting, process by process, while old tokens live on', async () => {
    const old = ada.token;
    for (const process of deployment.processes) {
      await process.terminate();
      Object.assign((process as unknown as { environment: Record<string, string> }).environment, { TOKEN_ALGORITHM: 'ES256' });
      await process.startAgain();
    }
    await deployment.settled();
    await until(async () => header(await signIns()).alg === 'ES256');
    const token = await signIns();
    const [key] = await jwks();
    expect(header(token).kid).toBe(key!.kid);
    expect(verify(token, createPublicKey({ key: key as never, format: 'jwk' }), { algorithms: ['ES256'] })).toMatchObject({ sub: ada.id });
    expect(Object.keys(key!).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']); // and nothing of the private one
    await isGood(token);
    await isGood(old);
    // Under the shared secret nothing is good for ever any more: what ends later than any that was given out is made up.
    const exp = Math.floor(Date.now() / 1_000) + 10 * 86_400;
    await until(async () => {
      const made = sign({ sub: ada.id, exp }, TEST_SECRET);
      const answer = await request(deployment.url).get('/api/v1/auth/me').set('Authorization', `Bearer ${made}`);
      return answer.status === 401;
    });
  });

  it('are not believed under another name or algorithm', async () => {
    const [key] = await jwks();
    const pem = createPublicKey({ key: key as never, format: 'jwk' }).export({ type: 'spki', format: 'pem' }) as string;
    const claims = { sub: ada.id, exp: Math.floor(Date.now() / 1_000) + 600 };
    const good = await signIns();
    const [, payload, signature] = good.split('.');
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    for (const token of [
      sign(claims, TEST_SECRET, { keyid: key!.kid }), // the shared secret under our key's name
      `${part({ alg: 'HS256', typ: 'JWT', kid: key!.kid })}.${payload}.${signature}`,
      `${part({ alg: 'ES256', typ: 'JWT', kid: 'another' })}.${payload}.${signature}`,
      `${part({ alg: 'ES256', typ: 'JWT' })}.${payload}.${signature}`,
      `${part({ alg: 'none', typ: 'JWT', kid: key!.kid })}.${payload}.`,
      `${part({ alg: 'ES256', typ: 'JWT', kid: key!.kid })}.${part({ ...claims, role: 'admin' })}.${signature}`,
      `${part({ alg: 'ES256', typ: 'JWT', kid: key!.kid, jwk: { kty: 'oct', k: 'AA' } })}.${payload}.${signature}`,
      `${part({ alg: 'ES256', typ: 'JWT', kid: [key!.kid] })}.${payload}.${signature}`,
      `${part({ alg: 'ES256', typ: 'JWT', kid: key!.kid, crit: ['exp'] })}.${payload}.${signature}`,
      `${part({ alg: 'ES256', typ: 'JWT', kid: key!.kid })}.${payload}.${Buffer.alloc(64).toString('base64url')}`,
      sign(claims, pem.replace(/\s/g, ''), { keyid: key!.kid }), // the public key taken for a secret
    ]) {
      const { body } = await request(deployment.url).get('/api/v1/auth/me').set('Authorization', `Bearer ${token}`).expect(401);
      expect(body.detail).toBe('Could not validate credentials');
    }
  });

  it('are exchanged under load without a failed request', async () => {
    const auth = new Client(scene.accounts.url);
    await auth.connect();
    await auth.query(`UPDATE ${scene.accounts.table} SET role = 'admin' WHERE id = $1`, [ada.id]);
    const admin = await until(async () => {
      const again = await signIn(deployment.url, ada);
      return (await again.get('/auth/me')).body.role === 'admin' && again;
    });
    const before = header(await signIns()).kid;
    const statuses = new Map<number, number>();
    const kids = new Set<string>();
    let isOver = false;
    const load = urls().flatMap((url) =>
      Array.from({ length: 3 }, async () => {
        let tokens = (await request(url).post('/api/v1/auth/login').send({ email: ada.email, password: ada.password })).body as Record<
          string,
          string
        >;
        while (!isOver) {
          const other = urls()[Math.floor(Math.random() * urls().length)]!;
          const refreshed = await request(other).post('/api/v1/auth/refresh').send({ refresh_token: tokens['refresh_token'] });
          tokens = refreshed.body as Record<string, string>;
          const asked = await request(url).get('/api/v1/auth/me').set('Authorization', `Bearer ${tokens['access_token']}`);
          kids.add(header(tokens['access_token']!).kid!);
          for (const { status } of [refreshed, asked]) statuses.set(status, (statuses.get(status) ?? 0) + 1);
        }
      }),
    );
    const { body } = await admin.post('/admin/token-keys/rotate').expect(200);
    expect((await jwks()).map(({ kid }) => kid)).toEqual([body.kid, before]); // published, and
    await until(async () => kids.has(body.kid as string)); // signing later
    const old = statuses.get(200)!;
    await until(async () => statuses.get(200)! > old + 50);
    isOver = true;
    await Promise.all(load);
    expect([...statuses.keys()]).toEqual([200]);
    expect(header(await signIns()).kid).toBe(body.kid);
    await isGood(admin.token); // under the key before
    const { rows } = await auth.query<{ sealed: Buffer }>('SELECT sealed FROM banyan_auth.signing_keys');
    for (const { sealed } of rows) expect(sealed.toString('latin1')).not.toContain('PRIVATE');
    await auth.end();
  });
});
