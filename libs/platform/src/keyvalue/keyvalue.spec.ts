import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import { RedisServer } from '../../../../test/support/redis-server';
import { InProcessKeyValue } from './in-process.keyvalue';
import { keyValueSuite } from './keyvalue.suite';
import { RedisKeyValue } from './redis.keyvalue';

const log = pino({ level: 'silent' });
let server: RedisServer | undefined;

afterAll(() => server?.stop());

const stores = {
  'in the process': async () => {
    const keyvalue = new InProcessKeyValue();
    return { keyvalue, other: keyvalue };
  },
  'on Redis': async () => {
    const url = process.env.TEST_REDIS_URL ?? (server ??= await RedisServer.start()).url;
    const options = { log, prefix: `${randomUUID()}:` };
    return { keyvalue: await RedisKeyValue.open(url, options), other: await RedisKeyValue.open(url, options) };
  },
};

describe.each(Object.entries(stores))('the key-value store %s', (_name, open) => keyValueSuite(open));
