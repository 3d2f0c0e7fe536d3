import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { RedisServer } from '../../../../test/support/redis-server';
import { createLogger } from '../telemetry/log';
import { KeyValueUnavailable } from './keyvalue';
import { eventually } from './keyvalue.suite';
import { RedisKeyValue } from './redis.keyvalue';

const LONG = 60_000;

describe('the key-value store while its Redis', () => {
  let server: RedisServer;
  let keyvalue: RedisKeyValue;
  let lines: string[];

  const serves = () =>
    keyvalue
      .ping()
      .then(() => true)
      .catch(() => false);
  const isAway = (answer: Promise<unknown>) => expect(answer).rejects.toBeInstanceOf(KeyValueUnavailable);

  beforeEach(async () => {
    lines = [];
    server = await RedisServer.start();
    const log = createLogger({ level: 'info', destination: { write: (line) => void lines.push(line) } });
    keyvalue = await RedisKeyValue.open(server.url, { log, commandTimeoutMs: 300 });
  });
  afterEach(async () => {
    await keyvalue.close();
    await server.stop();
  });

  it('is killed and comes back: refuses meanwhile, then goes on in another life with what was kept', async () => {
    const { generation } = keyvalue;
    await keyvalue.set('k', 'kept', LONG);
    await server.kill();
    await isAway(keyvalue.get('k'));
    await isAway(keyvalue.sortedAdd('s', [{ member: 'x', score: 1 }], LONG));
    await isAway(keyvalue.publish('c', 'x'));
    await server.startAgain();
    await eventually(serves);
    expect(await keyvalue.get('k')).toBe('kept');
    expect(keyvalue.generation).not.toBe(generation);
    expect(await keyvalue.sortedCount('s')).toBe(0); // what was refused is not sent later
  });

  it('is wiped: goes on, empty', async () => {
    const { generation } = keyvalue;
    await keyvalue.set('k', 'x', LONG);
    expect(await keyvalue.increment('n', LONG)).toBe(1);
    await server.kill();
    await server.startAgain({ wiped: true });
    await eventually(serves);
    expect(await keyvalue.get('k')).toBeUndefined();
    expect(await keyvalue.increment('n', LONG)).toBe(1);
    expect(keyvalue.generation).not.toBe(generation);
  });

  it('dies under load: every command is answered or refused, and none is executed twice', async () => {
    let counted = 0;
    let refused = 0;
    const results: Promise<void>[] = [];
    const load = (async () => {
      while (refused === 0) {
        for (let i = 0; i < 50; i++) {
          results.push(
            keyvalue.increment('n', LONG).then(
              () => void counted++,
              (error: unknown) => {
                expect(error).toBeInstanceOf(KeyValueUnavailable);
                refused++;
              },
            ),
          );
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await eventually(() => counted > 1_000);
    await server.kill();
    await load;
    await Promise.all(results);
    await server.startAgain();
    await eventually(serves);
    const reached = (await keyvalue.increment('n', LONG)) - 1;
    expect(reached).toBeGreaterThanOrEqual(counted); // the file is written before the answer
    expect(reached).toBeLessThanOrEqual(counted + refused);
  });

  it('is silent: refuses in time, then at once, and goes on when it speaks again', async () => {
    server.freeze();
    await Promise.all(Array.from({ length: 50 }, () => isAway(keyvalue.get('k'))));
    const refused = keyvalue.increment('k', LONG).catch((error: unknown) => error);
    const waited = new Promise((resolve) => setImmediate(resolve, 'waited'));
    expect(await Promise.race([refused, waited])).toMatchObject({ message: expect.stringContaining('timeout') });
    expect(lines.map((line) => (JSON.parse(line) as { reason?: string }).reason)).toEqual(['timeout']);
    server.thaw();
    await eventually(serves);
  });

  it('restarts: listeners hear again without doing anything', async () => {
    const heard: string[] = [];
    await keyvalue.subscribe('c', (message) => void heard.push(message));
    await server.kill();
    const stop = await keyvalue.subscribe('d', (message) => void heard.push(message)); // while away: resolves all the same
    await server.startAgain();
    await eventually(async () => {
      await keyvalue.publish('c', 'again').catch(() => undefined);
      await keyvalue.publish('d', 'later').catch(() => undefined);
      return heard.includes('again') && heard.includes('later');
    });
    await stop();
  });

  it('is away at the start: starts all the same, and serves when it comes', async () => {
    await server.kill();
    const early = await RedisKeyValue.open(server.url, { log: createLogger({ level: 'silent' }) });
    await isAway(early.ping());
    await server.startAgain();
    await eventually(() =>
      early.ping().then(
        () => true,
        () => false,
      ),
    );
    await early.close();
  });

  it('goes and comes: says so once each, without addresses', async () => {
    await server.kill();
    await eventually(() => lines.length > 0);
    const refusal = await keyvalue.ping().then(String, String);
    await server.startAgain();
    await eventually(serves);
    expect(lines.map((line) => (JSON.parse(line) as { msg: string }).msg)).toEqual([
      'the key-value store is away',
      'the key-value store is back',
    ]);
    expect(lines.join() + refusal).not.toMatch(/127\.0\.0\.1/);
  });
});

it('notices a connection that went dead without a word, and makes another', async () => {
  const server = await RedisServer.start();
  const pairs: Socket[][] = [];
  const proxy = createServer((inner) => {
    const outer = connect(Number(new URL(server.url).port), '127.0.0.1');
    pairs.push([inner.pipe(outer).pipe(inner), outer]);
    for (const socket of [inner, outer])
      socket.on('error', () => undefined).on('close', () => [inner, outer].forEach((end) => end.destroy()));
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const { port } = proxy.address() as { port: number };
  const keyvalue = await RedisKeyValue.open(`redis://127.0.0.1:${port}`, { log: createLogger({ level: 'silent' }), commandTimeoutMs: 100 });
  const heard: string[] = [];
  await keyvalue.subscribe('c', (message) => void heard.push(message));

  for (const pair of pairs.splice(0)) for (const socket of pair) socket.unpipe().pause(); // open, but nothing goes through
  await expect(keyvalue.ping()).rejects.toBeInstanceOf(KeyValueUnavailable);
  await eventually(async () => {
    await keyvalue.publish('c', 'x').catch(() => undefined);
    return heard.length > 0;
  });

  await keyvalue.close();
  await server.stop();
  for (const socket of pairs.flat()) socket.destroy();
  proxy.close();
});

it('refuses in time when something answers that is no Redis, and closes all the same', async () => {
  const silent = createServer((socket) => void socket.on('error', () => undefined).resume()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as { port: number };
  const keyvalue = await RedisKeyValue.open(`redis://127.0.0.1:${port}`, { log: createLogger({ level: 'silent' }), commandTimeoutMs: 100 });
  await expect(keyvalue.ping()).rejects.toBeInstanceOf(KeyValueUnavailable);
  await keyvalue.close();
  silent.close();
});
