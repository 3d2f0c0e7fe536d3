import { createHmac, randomUUID } from 'node:crypto';
import { banyan, type Said } from '../support/cli';
import { dropDatabases, freshEnvironment, TEST_SECRET } from '../support/banyan';
import { decideHomes, makePrepared } from '../support/legacy-server';
import { freshAccount } from '../support/people';
import { ServerProcess } from '../support/server-process';
import { until } from '../support/until';
import type { LegacyDatabase } from './legacy-database';
import { Origin } from './origin';

let origin: Origin;
let legacy: LegacyDatabase;
let environment: Record<string, string>;
let hosts: ServerProcess[];

/** What the monolith says to a good token of nobody, and to one of another secret. */
let detail = 'User not found';

beforeAll(async () => {
  origin = await Origin.start();
  origin.on('/api/v1/auth/me', (_request, response) => {
    response.writeHead(401, { 'Content-Type': 'application/json' }).end(JSON.stringify({ detail }));
  });
  legacy = await makePrepared('text');
  environment = { ...freshEnvironment({ redis: true }), LEGACY_URL: origin.url, LEGACY_DATABASE_URL: legacy.url };
  hosts = [await ServerProcess.start(environment)];
  hosts.push(await ServerProcess.start(environment));
});

afterAll(async () => {
  for (const host of hosts ?? []) await host.remove();
  await origin?.stop();
  await dropDatabases(environment);
  await legacy?.drop();
});

const route = (...args: string[]): Promise<Said> => banyan(environment, 'route', ...args, '--yes');

/** A good token; signed as either side signs. */
function tokenOf(userId: string): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: userId, exp: Math.floor(Date.now() / 1000) + 3_600 })}`;
  return `${text}.${createHmac('sha256', TEST_SECRET).update(text).digest('base64url')}`;
}

/** Who answered: the origin says what it saw, new code does not know these users. */
async function homeOf(host: ServerProcess, userId: string): Promise<'legacy' | 'new'> {
  const answer = await fetch(`${host.url}/api/v1/relay/pending`, { headers: { authorization: `Bearer ${tokenOf(userId)}` } });
  return ((await answer.json()) as { url?: string }).url === '/api/v1/relay/pending' ? 'legacy' : 'new';
}

async function homeOfLogin(host: ServerProcess, email: string): Promise<'legacy' | 'new'> {
  const answer = await fetch(`${host.url}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: 'wrong-horse-1' }),
  });
  return ((await answer.json()) as { url?: string }).url === '/api/v1/auth/login' ? 'legacy' : 'new';
}

const users = Array.from({ length: 60 }, () => randomUUID());

it('everything is at legacy as long as nobody has moved it', async () => {
  const { out } = await route('--json');
  const { routes } = JSON.parse(out) as { routes: { domain: string; homes: { legacy: { percent: number } } }[] };
  const elsewhere = routes.filter(({ homes }) => homes.legacy.percent < 100);
  expect(elsewhere.map(({ domain, homes }) => [domain, homes.legacy.percent])).toEqual([['notification', 0]]); // legacy has nothing like it
  const refused = await route('notification', '--legacy', '1%', '--force');
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('The monolith has no counterpart of this domain') });
  expect(await homeOf(hosts[0]!, users[0]!)).toBe('legacy');
});

it('new code gets nothing before its data has a home', async () => {
  const said = await route('relay', '--local', '10%');
  expect(said).toMatchObject({ code: 1, err: expect.stringContaining('has no home yet') as string });
});

describe('when the data is prepared', () => {
  beforeAll(() => decideHomes(environment, 'legacy'));

  it('nothing is moved while the secrets differ, not even by force', async () => {
    detail = 'Could not validate credentials';
    try {
      for (const force of [[], ['--force']]) {
        const said = await route('relay', '--local', '10%', ...force);
        expect(said).toMatchObject({ code: 1, err: expect.stringContaining('Both sides need the same JWT_SECRET_KEY') as string });
      }
    } finally {
      detail = 'User not found';
    }
  });

  it('raised shares only move users forward, each to one home on every host, and back the same way', async () => {
    let before = new Map<string, string>();
    for (const share of ['10', '40', '90', '100']) {
      expect(await route('relay', '--local', `${share}%`)).toMatchObject({ code: 0 });
      const now = new Map<string, string>();
      for (const user of users) {
        const homes = await Promise.all(hosts.map((host) => homeOf(host, user)));
        expect(homes[0]).toBe(homes[1]);
        if (before.get(user) === 'new') expect(homes[0]).toBe('new');
        now.set(user, homes[0]!);
      }
      before = now;
    }
    expect(new Set(before.values())).toEqual(new Set(['new']));
    expect(await route('relay', '--legacy', '100%')).toMatchObject({ code: 0 });
    for (const user of users) expect(await homeOf(hosts[0]!, user)).toBe('legacy');
  });

  it('who signs in sticks by his address, however he writes it; the body arrives whole on either side', async () => {
    expect(await route('auth', '--legacy', '50%', '--local', '50%')).toMatchObject({ code: 0 });
    const seen = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const { email } = freshAccount();
      const homes = await Promise.all(
        [email, email.toUpperCase(), ` ${email}`].flatMap((text) => hosts.map((host) => homeOfLogin(host, text))),
      );
      expect(new Set(homes).size).toBe(1);
      seen.add(homes[0]!);
    }
    expect(seen).toEqual(new Set(['legacy', 'new']));
    expect(await route('auth', '--legacy', '100%')).toMatchObject({ code: 0 });
  });

  it('requests at legacy are counted with its figures', async () => {
    await until(async () => {
      const { routes } = JSON.parse((await route('--json')).out) as {
        routes: { domain: string; homes: { legacy: { requests: number; p95_ms: number | null } } }[];
      };
      const { legacy: figures } = routes.find(({ domain }) => domain === 'relay')!.homes;
      return figures.requests > 60 && figures.p95_ms !== null;
    });
  });

  it('a dead monolith gets no more, unless by force; users on new code do not notice', async () => {
    expect(await route('relay', '--local', '100%')).toMatchObject({ code: 0 });
    const { port } = origin;
    await origin.stop();
    try {
      const said = await route('relay', '--legacy', '50%');
      expect(said).toMatchObject({ code: 1, err: expect.stringContaining('nobody answers at LEGACY_URL') as string });
      expect(await homeOf(hosts[0]!, users[0]!)).toBe('new');
      const preflight = await fetch(`${hosts[0]!.url}/api/v1/relay/send`, {
        method: 'OPTIONS',
        headers: { 'access-control-request-method': 'POST' },
      });
      expect(preflight.status).toBe(200);
      expect(await route('relay', '--legacy', '50%', '--force')).toMatchObject({ code: 0 });
    } finally {
      await origin.listen(port);
    }
  });
});

it('without LEGACY_URL there is no such home', async () => {
  const said = await banyan({ ...environment, LEGACY_URL: '' }, 'route', 'relay', '--legacy', '60%', '--yes');
  expect(said).toMatchObject({
    code: 1,
    err: expect.stringContaining('relay cannot go to legacy: that needs LEGACY_URL, which is not set here.') as string,
  });
});
