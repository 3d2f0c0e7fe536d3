import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { databaseUrl, usesOwnServers } from './databases';
import { envExample } from './env-example';
import { listSettings } from './listing';
import { dotEnv, loadSettings, merged } from './settings';
import { StartupError } from './startup-error';
import { settingEntries } from './table';

const aSecret = 'q8Zr3Vn1Xw6Lk0Ty5Pb9Gc2Hd7Js4Mf_';
const ownServer = { DATABASE_URL: 'postgres://banyan@db:5432', JWT_SECRET_KEY: aSecret };
const local = { remote: 0, local: 10_000, legacy: 0 };

describe('settings', () => {
  it('need nothing: everything embedded, reachable from this machine, all domains local', () => {
    const settings = loadSettings({});
    expect(settings).toMatchObject({ PORT: 8000, BIND: '127.0.0.1', PUBLIC_URL: 'http://localhost:8000', DATA_DIR: '.data' });
    expect(settings).toMatchObject({ ACCESS_TOKEN_EXPIRE_MINUTES: 1440, DATABASE_URL: undefined, TRUSTED_PROXIES: [], LOG_LEVEL: 'info' });
    expect(settings.SERVE).toEqual({
      edge: true,
      domains: ['auth', 'user', 'message', 'group', 'media', 'relay', 'notification', 'websocket'],
    });
    expect(settings.ROUTES).toEqual({
      auth: local,
      user: local,
      message: local,
      group: local,
      media: local,
      relay: local,
      notification: local,
      websocket: local,
    });
    expect(settings.RATE_LIMITS).toMatchObject({ address: { count: 600, windowMs: 10_000 }, register: { count: 30, windowMs: 60_000 } });
    expect(usesOwnServers(settings)).toBe(false);
    expect(databaseUrl(settings, 'auth_db')).toBeUndefined();
  });

  it('take an empty text for unset, as compose files write it', () => {
    expect(loadSettings({ PORT: '', DATABASE_URL: ' ' })).toEqual(loadSettings({}));
  });

  it('read what is set', () => {
    const settings = loadSettings({
      ...ownServer,
      PORT: '80',
      FRONTEND_URL: 'https://Chat.example/',
      TRUSTED_PROXIES: 'loopback, 10.0.0.0/8 ::1',
      RATE_LIMITS: 'login=5/2m',
      REDIS_URL: 'rediss://:pw@cache:6380/1',
    });
    expect(settings).toMatchObject({ PORT: 80, PUBLIC_URL: 'http://localhost', TRUSTED_PROXIES: ['loopback', '10.0.0.0/8', '::1'] });
    expect(settings.CORS_ORIGINS).toEqual(['https://chat.example']);
    expect(settings.RATE_LIMITS).toMatchObject({ login: { count: 5, windowMs: 120_000 }, user: { count: 300, windowMs: 10_000 } });
    expect(databaseUrl(settings, 'message_db')).toBe('postgres://banyan@db:5432/message_db');
  });

  it('let a database have a server of its own', () => {
    const settings = loadSettings({ ...ownServer, AUTH_DATABASE_URL: 'postgres://other/identity?sslmode=require' });
    expect(databaseUrl(settings, 'auth_db')).toBe('postgres://other/identity?sslmode=require');
    expect(databaseUrl(settings, 'host_db')).toBe('postgres://banyan@db:5432/host_db');
  });

  it('open the API to local development servers only while the data is embedded', () => {
    expect(loadSettings({}).CORS_ORIGINS).toContain('http://localhost:5173');
    expect(loadSettings(ownServer).CORS_ORIGINS).toEqual([]);
    expect(loadSettings({ CORS_ORIGINS: 'none' }).CORS_ORIGINS).toEqual([]);
  });

  it.each([
    [{ PORT: 'abc' }, 'PORT should be a whole number from 0 to 65535; it is "abc".'],
    [{ PORT: '65536' }, /^PORT should be/],
    [{ PORT: '-1' }, /^PORT should be/],
    [{ PORT: '0x10' }, /^PORT should be/],
    [{ ACCESS_TOKEN_EXPIRE_MINUTES: '0' }, /^ACCESS_TOKEN_EXPIRE_MINUTES should be a whole number from 1/],
    [{ PUBLIC_URL: 'chat.example' }, /^PUBLIC_URL should be an origin/],
    [{ PUBLIC_URL: 'https://user:pw@chat.example' }, /^PUBLIC_URL should be an origin/],
    [{ FRONTEND_URL: 'https://chat.example/app' }, /^FRONTEND_URL should be an origin/],
    [{ CORS_ORIGINS: '*' }, /^CORS_ORIGINS should be a list of origins/],
    [{ TRUSTED_PROXIES: '0.0.0.0/0' }, /^TRUSTED_PROXIES should be/],
    [{ TRUSTED_PROXIES: '10.0.0.0/33' }, /^TRUSTED_PROXIES should be/],
    [{ TRUSTED_PROXIES: 'proxy.example' }, /^TRUSTED_PROXIES should be/],
    [{ RATE_LIMITS: 'login=0/1m' }, /^RATE_LIMITS should be `off`, or limits such as/],
    [{ RATE_LIMITS: 'logins=5/1m' }, /^RATE_LIMITS should be/],
    [{ SERVE: 'mesage' }, /^SERVE should be all, edge, or a list of domains \(auth, user/],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL should be one of trace, debug, info, warn, error, fatal, silent; it is "loud".'],
    [
      { ...ownServer, REDIS_URL: 'localhost:6379' },
      'REDIS_URL should be an address that begins with redis:// or rediss:// and names a host.',
    ],
    [
      { DATABASE_URL: 'mysql://banyan:pw@db' },
      /^DATABASE_URL should be an address that begins with postgres:\/\/ or postgresql:\/\/ and names a host\.$/,
    ],
    [{ ...ownServer, JWT_SECRET_KEY: 'short' }, /^JWT_SECRET_KEY should be a random text of at least 32 characters/],
    [{ JWT_SECRET_KEY: 'your-super-secret-jwt-key-change-in-production' }, /^JWT_SECRET_KEY should be .* no well-known default/],
    [{ JWT_SECRET_KEY: 'a'.repeat(40) }, /^JWT_SECRET_KEY should be/],
    [{ DATABASE_URL: 'postgres://db' }, /^JWT_SECRET_KEY is missing: with DATABASE_URL/],
    [{ AUTH_DATABASE_URL: 'postgres://db/auth_db', JWT_SECRET_KEY: aSecret }, /^HOST_DATABASE_URL is missing/],
    [{ AMQP_URL: 'amqp://broker' }, /^AMQP_URL needs DATABASE_URL and REDIS_URL beside it/],
    [{ ...ownServer, AMQP_URL: 'amqp://broker' }, /^AMQP_URL needs REDIS_URL beside it/],
    [{ ...ownServer, REDIS_URL: 'redis://cache', AMQP_URL: 'amqp://broker' }, /^CARRIER_KEY is missing/],
    [{ SMTP_URL: 'smtp://mail' }, /^MAIL_FROM is missing: with SMTP_URL/],
    [{ MAIL_FROM: 'Ada\nBcc: <a@b.example>' }, /^MAIL_FROM should be a mailbox such as/],
    [{ ROUTES: 'notification=legacy:100%', LEGACY_URL: 'http://old' }, /^ROUTES should be .* legacy \(which has no notification\)/],
    [{ S3_ENDPOINT: 'http://s3' }, 'S3_ACCESS_KEY is missing: S3_ENDPOINT needs both keys.'],
    [{ S3_ENDPOINT: 'http://s3', S3_ACCESS_KEY: 'a' }, 'S3_SECRET_KEY is missing: S3_ENDPOINT needs both keys.'],
    [
      { ...ownServer, REDIS_URL: 'redis://cache', AMQP_URL: 'amqp://broker', CARRIER_KEY: aSecret, SERVE: 'media' },
      /^S3_ENDPOINT is missing: a process that serves media alone/,
    ],
    [{ SERVE: 'edge' }, /^SERVE should be all unless AMQP_URL is set/],
    [{ ROUTES: 'relay=local:90%,remote:10%' }, 'ROUTES sends a part of relay to remote, which needs AMQP_URL.'],
    [{ ROUTES: 'user=legacy:100%' }, 'ROUTES sends a part of user to legacy, which needs LEGACY_URL.'],
    [{ ROUTES: 'relay=local:90%' }, /^ROUTES should be .* sum to 100%; it is "relay=local:90%"\.$/],
  ])('%j stops the start', (environment: Record<string, string>, sentence) => {
    const start = () => loadSettings(environment);
    expect(start).toThrow(StartupError);
    expect(start).toThrow(sentence instanceof RegExp ? sentence : new Error(sentence));
  });

  it('never tell a secret in the sentence', () => {
    const secret = 'hunter2hunter2';
    for (const [name, setting] of settingEntries.filter(([, { secret }]) => secret)) {
      let sentence = '';
      try {
        loadSettings({ [name]: secret });
      } catch (error) {
        sentence = (error as Error).message;
      }
      if (!setting.schema.safeParse(secret).success) expect(sentence).toContain(name);
      expect(sentence).not.toContain(secret);
    }
  });

  it.each([
    ['relay=local:0%,remote:100%', { remote: 10_000, local: 0, legacy: 0 }],
    ['auth=local:100% relay=remote:33.34%,local:33.33%,legacy:33.33%', { remote: 3334, local: 3333, legacy: 3333 }],
    ['relay=legacy:0.5%,local:99.5%; auth=local:100%', { remote: 0, local: 9950, legacy: 50 }],
  ])('read the route %s', (text, weights) => {
    const routes = settingEntries.find(([name]) => name === 'ROUTES')?.[1].schema.parse(text);
    expect(routes).toMatchObject({ relay: weights, auth: local, message: local });
  });

  it.each([
    'relay=local:50%,local:50%',
    'relay=local:100% relay=local:100%',
    'relay=local:101%',
    'x=local:100%',
    'relay=moon:100%',
    'relay',
    'relay=local:33.333%,remote:66.667%',
  ])('refuse the route %s', (text) => expect(() => loadSettings({ ROUTES: text })).toThrow(/^ROUTES should be/));
});

describe('the list of settings', () => {
  it('says value and source of each, and shows no secret', () => {
    const lines = listSettings(
      { PORT: '9000', JWT_SECRET_KEY: aSecret, REDIS_URL: 'redis://joe:pw1@cache:6379/0?token=pw2' },
      { PORT: '1', LOG_LEVEL: 'debug', PATH: 'x' },
    );
    const line = (wanted: string) => lines.find(({ name }) => name === wanted);
    expect(line('PORT')).toMatchObject({ value: '9000', source: 'environment' });
    expect(line('PUBLIC_URL')).toMatchObject({ value: 'http://localhost:9000', source: 'default' });
    expect(line('LOG_LEVEL')).toMatchObject({ value: 'debug', source: '.env' });
    expect(line('DATABASE_URL')).toMatchObject({ value: null, source: 'unset' });
    expect(line('JWT_SECRET_KEY')).toMatchObject({ value: '***' });
    expect(line('REDIS_URL')).toMatchObject({ value: 'redis://***@cache:6379/0?***' });
    expect(lines.map(({ name }) => name)).toEqual(settingEntries.map(([name]) => name));
  });
});

describe('.env.example', () => {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-settings-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('is what the table generates', () => {
    expect(readFileSync(join(__dirname, '../../../../.env.example'), 'utf8')).toBe(envExample());
  });

  it('changes nothing when it is copied, and shows examples that are accepted', () => {
    writeFileSync(join(folder, '.env'), envExample());
    expect(loadSettings(dotEnv(folder))).toEqual(loadSettings({}));
    writeFileSync(join(folder, '.env'), envExample().replace(/^#(?=[A-Z])/gm, ''));
    const all = dotEnv(folder);
    for (const [name, { schema, example }] of settingEntries) if (example) expect(schema.parse(all[name] ?? '')).toBeDefined();
  });

  it('gives way to the environment, but not to an empty text there', () => {
    expect(loadSettings(merged({ PORT: '1', LOG_LEVEL: '' }, { PORT: '2', LOG_LEVEL: 'warn' }))).toMatchObject({
      PORT: 1,
      LOG_LEVEL: 'warn',
    });
  });

  it('is not needed', () => {
    expect(dotEnv(join(tmpdir(), 'banyan-no-such-folder'))).toEqual({});
  });
});
