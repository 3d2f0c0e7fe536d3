import { domainNames } from '@banyan/domains';
import { settingsTable } from '@banyan/platform/config/table';
import { composeText, readCompose } from './support/compose';

const variables = { POSTGRES_PASSWORD: 'p', RABBITMQ_PASSWORD: 'r', S3_PASSWORD: 's', JWT_SECRET_KEY: 'j', CARRIER_KEY: 'c' };
const { services, volumes } = readCompose(variables);
const own = Object.entries(services).filter(([, { image }]) => image === 'banyan');
const split = own.filter(([, { profiles }]) => profiles?.includes('split'));

/** The host's side of each published port. */
const published = Object.values(services).flatMap(({ ports = [] }) => ports.map((port) => port.split(':').slice(0, -1).join(':')));

describe('docker-compose.yml', () => {
  it.each(Object.keys(variables))('demands %s, and says so', (name) => {
    expect(() => readCompose({ ...variables, [name]: '' })).toThrow(`set ${name} in .env`);
  });

  it('holds no password', () => {
    const secrets = composeText.match(/^.*(?:PASS|SECRET|KEY|PGPASSWORD)\w*: .*$/gm) ?? [];
    expect(secrets.length).toBeGreaterThan(4);
    // Names of accounts are none.
    expect(secrets.filter((line) => !line.includes(':?set ') && !/^\s+(?:AWS_ACCESS_KEY_ID|S3_ACCESS_KEY): /.test(line))).toEqual([]);
    expect(composeText).not.toMatch(/:\/\/\w+:[^@$]+@/);
  });

  it('pins every image that it does not build', () => {
    const images = Object.values(services).map(({ image }) => image);
    expect(images.filter((image) => image !== 'banyan' && !/:\d+\.\d+/.test(image))).toEqual([]);
  });

  it('publishes each port once, on this machine only unless BIND says more', () => {
    expect(published.filter((port) => !port.startsWith('127.0.0.1:'))).toEqual([]);
    expect(new Set(published).size).toBe(published.length);
    const databases = Object.entries(services).filter(([name]) => name.startsWith('postgres-'));
    expect(Object.fromEntries(databases.map(([name, { ports }]) => [ports![0]!.split(':')[1], name.slice('postgres-'.length)]))).toEqual({
      5432: 'auth',
      5433: 'user',
      5434: 'message',
      5435: 'group',
      5436: 'media',
      5437: 'notification',
      5438: 'host',
    });
  });

  it('names what it has: services that are waited for have a health check, volumes are declared', () => {
    for (const { depends_on = {} } of Object.values(services)) {
      for (const [name, { condition }] of Object.entries(depends_on)) {
        expect([name, condition, services[name]?.healthcheck !== undefined]).toEqual([name, 'service_healthy', true]);
      }
    }
    const used = Object.values(services).flatMap(({ volumes: mounted = [] }) => mounted.map((mount) => mount.split(':')[0]!));
    expect(used.sort()).toEqual(Object.keys(volumes).sort());
  });

  it('has a host, and a service of its own for every domain', () => {
    expect(own.find(([name]) => name === 'host')?.[1].environment).toMatchObject({ SERVE: 'all' });
    expect(split.map(([name, { environment }]) => [name, environment!.SERVE])).toEqual(domainNames.map((name) => [name, name]));
    expect(own.length).toBe(split.length + 1);
  });

  it('says to Banyan only what Banyan knows, and waits for each server that it names', () => {
    for (const [name, { environment = {}, depends_on = {} }] of own) {
      expect([
        name,
        Object.keys(environment).filter((setting) => setting !== 'PGPASSWORD' && !Object.hasOwn(settingsTable, setting)),
      ]).toEqual([name, []]);
      const named = Object.entries(environment).flatMap(([setting, value]) =>
        /^(?:\w+_DATABASE|REDIS|AMQP)_URL$/.test(setting) ? [new URL(String(value)).hostname] : [],
      );
      expect([name, named.sort()]).toEqual([name, Object.keys(depends_on).sort()]);
    }
  });
});
