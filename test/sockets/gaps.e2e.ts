import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { WebSocket } from 'ws';
import { dropDatabases, freshEnvironment } from '../support/banyan';
import { envelope, type Person, register, signIn } from '../support/people';
import { RedisServer } from '../support/redis-server';
import { ServerProcess } from '../support/server-process';
import { SocketClient } from '../support/socket-client';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { until } from '../support/until';

jest.setTimeout(120_000);

/** Two processes that hear each other over Redis; sockets are at the second, which loses it. Nobody reconnects. */
describe('sockets of a process that does not hear the others for a while', () => {
  let redis: RedisServer;
  let proxy: TcpProxy;
  let environment: Record<string, string>;
  let near: ServerProcess;
  let far: ServerProcess;
  let ada: Person;
  let bob: Person;
  let socket: SocketClient;

  beforeEach(async () => {
    redis = await RedisServer.start();
    proxy = await startTcpProxy(redis.url);
    environment = { ...freshEnvironment(), REDIS_URL: redis.url };
    near = await ServerProcess.start(environment);
    far = await ServerProcess.start({ ...environment, REDIS_URL: proxy.through(redis.url) });
    [ada, bob] = [await register(near.url), await register(near.url)];
    socket = await SocketClient.open(far.url, bob);
  });
  afterEach(async () => {
    await near?.remove();
    await far?.remove();
    await proxy?.close();
    await redis?.stop();
    await dropDatabases(environment);
  });

  const got = () => socket.of('relay_message').map(({ data }) => (data as { id: string }).id);
  const send = async () => (await ada.post('/relay/send', envelope(bob)).expect(200)).body.message_id as string;

  it('get what they missed when it hears again, once; those of sessions that ended meanwhile close', async () => {
    const phone = await SocketClient.open(far.url, await signIn(near.url, bob));
    const first = await send();
    await until(async () => got().includes(first));
    await proxy.stop();
    const missed = [await send(), await send(), await send()];
    await bob.post('/auth/logout', {}).expect(200);
    await proxy.start();
    await until(async () => phone.of('relay_message').length === 4 && socket.closedWith === 1008);
    expect(phone.of('relay_message').map(({ data }) => (data as { id: string }).id)).toEqual([first, ...missed]);
    expect(phone.closedWith).toBeUndefined();
    await phone.close();
  });

  it('get it also when the store forgets who is there', async () => {
    const console = new Redis(redis.url);
    const sent: string[] = [];
    for (let i = 0; i < 3; i++) {
      await console.flushall();
      sent.push(await send()); // nobody knows where the socket is
    }
    await console.quit();
    await until(async () => sent.every((id) => got().includes(id)));
    expect(got()).toHaveLength(sent.length);
    expect(socket.closedWith).toBeUndefined();
  });

  describe('whose queue cannot be read', () => {
    let locker: Client;
    beforeEach(async () => {
      await socket.close();
      locker = new Client({ connectionString: environment['MESSAGE_DATABASE_URL'] });
      await locker.connect();
    });
    afterEach(() => locker.end());

    const lockQueue = () => locker.query(`BEGIN; SELECT 1 FROM banyan_message.deliveries WHERE recipient_id = '${bob.id}' FOR UPDATE`);

    it('are greeted without it, and get it as soon as it can be', async () => {
      const sent = await send();
      await lockQueue();
      socket = await SocketClient.open(far.url, bob);
      expect(got()).toEqual([]);
      await locker.query('COMMIT');
      await until(async () => got().length > 0);
      expect(got()).toEqual([sent]);
    });

    it('get what was for them meanwhile, also if they go before they are greeted', async () => {
      const first = await send();
      await lockQueue();
      const gone = new WebSocket(`${far.url.replace('http', 'ws')}/ws/${bob.id}?token=${bob.token}`);
      await once(gone, 'open');
      const writer = await SocketClient.open(far.url, ada);
      const message_id = randomUUID();
      writer.say('message', { recipient_id: bob.id, message_id, encrypted_content: 'to be kept' });
      await writer.settled(ada.id);
      gone.terminate();
      await locker.query('COMMIT');
      socket = await SocketClient.open(far.url, bob);
      expect(got()).toEqual([first, message_id]);
      await writer.close();
    });
  });
});
