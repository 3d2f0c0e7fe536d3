import { once } from 'node:events';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Channel, ConsumeMessage } from 'amqplib';
import { createTestBroker, type TestBroker } from '../../../../test/support/rabbitmq';
import { startTcpProxy, type TcpProxy } from '../../../../test/support/tcp-proxy';
import { createLogger } from '../telemetry/log';
import { closeRabbit, connectRabbit } from './connection';
import { LastingChannel } from './lasting-channel';

const log = createLogger({ level: 'silent' });

describe('a lasting channel', () => {
  let broker: TestBroker;
  let proxy: TcpProxy;
  let connection: AmqpConnection;
  let channel: LastingChannel<Channel>;
  let lost: number;

  beforeEach(async () => {
    broker = await createTestBroker();
    proxy = await startTcpProxy(broker.url);
    connection = await connectRabbit({ url: proxy.through(broker.url), name: 'spec', log });
    lost = 0;
    channel = new LastingChannel(connection, {
      create: (model) => model.createChannel(),
      setUp: async (opened) => void (await opened.assertQueue('mine', { exclusive: true })),
      onLost: () => void lost++,
      log,
    });
    await channel.ready();
  });

  afterEach(async () => {
    await channel.close();
    await closeRabbit(connection);
    await proxy.close();
    await broker.drop();
  });

  it('is open again after an error of its own, while the connection stays', async () => {
    const first = channel.current!;
    first.ack({ fields: { deliveryTag: 99 } } as ConsumeMessage); // the broker closes it: 406
    await new Promise((resolve) => first.once('close', resolve));
    expect(channel.current).toBeUndefined();
    await channel.ready();
    expect(channel.current).not.toBe(first);
    expect(lost).toBe(1);
    expect(await broker.queues()).toEqual(['mine']);
  });

  it('is open again after the connection was lost, with what it declares', async () => {
    const first = channel.current!;
    const closed = once(first, 'close');
    await proxy.stop();
    await closed;
    expect(channel.current).toBeUndefined();
    expect(lost).toBe(1);
    await proxy.start();
    await channel.ready();
    expect(await channel.current!.checkQueue('mine')).toMatchObject({ messageCount: 0 });
  });

  it('is given up at once when it is of no use any more, and opened again', async () => {
    const first = channel.current!;
    channel.reopen();
    expect(channel.current).toBeUndefined();
    await channel.ready();
    expect(channel.current).not.toBe(first);
    expect(lost).toBe(1);
  });

  it('closes without waiting for a broker that is gone', async () => {
    await proxy.stop();
    await channel.close();
    expect(channel.current).toBeUndefined();
  });

  it('stays closed once it is closed', async () => {
    await channel.close();
    const again = once(connection.managedConnection, 'connect');
    await proxy.stop();
    await proxy.start();
    await again;
    expect(channel.current).toBeUndefined();
    expect(lost).toBe(0);
  });
});
