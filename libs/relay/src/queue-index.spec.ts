import { setTimeout as pause } from 'node:timers/promises';
import { RedisKeyValue } from '@banyan/platform/keyvalue/redis.keyvalue';
import { RedisServer } from '../../../test/support/redis-server';
import { QueueIndex } from './queue-index';

const silent = { info: () => undefined, warn: () => undefined, error: () => undefined };

describe('the index of queues', () => {
  let redis: RedisServer;
  let keyvalue: RedisKeyValue;
  let index: QueueIndex;

  beforeAll(async () => {
    redis = await RedisServer.start();
    keyvalue = await RedisKeyValue.open(redis.url, { log: silent, commandTimeoutMs: 200 });
    index = new QueueIndex(keyvalue);
  });

  afterAll(async () => {
    await keyvalue.close();
    await redis.stop();
  });

  async function untilRedisAnswers(): Promise<void> {
    while (
      !(await keyvalue.ping().then(
        () => true,
        () => false,
      ))
    )
      await pause(20);
  }

  it('knows the queue of a user once it is loaded, in the order of positions', async () => {
    expect(await index.find('ada')).toBeUndefined();
    await index.add('ada', 'm2', 2);
    expect(await index.find('ada')).toBeUndefined();
    await index.load('ada', [
      { id: 'm1', position: 1 },
      { id: 'm2', position: 2 },
    ]);
    expect(await index.find('ada')).toEqual(['m1', 'm2']);
    await index.remove('ada', ['m1', 'm2']);
    expect(await index.find('ada')).toEqual([]);
  });

  it('does not trust a store that was silent when a message came, and is the same as before', async () => {
    await index.load('bob', []);
    const { generation } = keyvalue;
    redis.freeze();
    await expect(index.add('bob', 'missed', 1)).rejects.toThrow();
    await expect(index.find('bob')).rejects.toThrow();
    redis.thaw();
    await untilRedisAnswers();
    expect(keyvalue.generation).toBe(generation);
    expect(await index.find('bob')).toBeUndefined();
    await index.load('bob', [{ id: 'missed', position: 1 }]);
    expect(await index.find('bob')).toEqual(['missed']);
  });

  it('starts anew with a store that was restarted, whatever that has kept', async () => {
    await index.load('eve', []);
    await redis.kill();
    await redis.startAgain();
    await untilRedisAnswers();
    expect(await index.find('eve')).toBeUndefined();
  });
});
