import { randomBytes } from 'node:crypto';

/** A virtual host of a test's own: nothing another test declares is seen in it. */
export interface TestBroker {
  /** AMQP address of the virtual host. */
  readonly url: string;
  /** Names of all queues in it. */
  queues(): Promise<readonly string[]>;
  /** How many a queue has that are not acknowledged, as far as its statistics know, which follow in some seconds. */
  messages(queue: string): Promise<number | undefined>;
  /** Deletes it with all that is in it. */
  drop(): Promise<void>;
}

export async function createTestBroker(environment: Readonly<Record<string, string | undefined>> = process.env): Promise<TestBroker> {
  const { TEST_AMQP_URL, TEST_AMQP_MANAGEMENT_URL } = environment;
  if (!TEST_AMQP_URL || !TEST_AMQP_MANAGEMENT_URL) throw new Error('TEST_AMQP_URL names no RabbitMQ server: run the specs with "npm test"');
  const { username, password, origin } = new URL(TEST_AMQP_MANAGEMENT_URL);
  const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const ask = async (method: string, path: string): Promise<unknown> => {
    const response = await fetch(`${origin}/api${path}`, { method, headers: { authorization, 'content-type': 'application/json' } });
    if (!response.ok && response.status !== 404) throw new Error(`${method} ${path}: ${response.status}`);
    const text = await response.text();
    return text === '' ? undefined : JSON.parse(text);
  };
  const name = `test_${randomBytes(6).toString('hex')}`;
  await ask('PUT', `/vhosts/${name}`);
  return {
    url: `${TEST_AMQP_URL}/${name}`,
    queues: async () => ((await ask('GET', `/queues/${name}`)) as { name: string }[]).map((queue) => queue.name),
    messages: async (queue) => ((await ask('GET', `/queues/${name}/${queue}`)) as { messages?: number }).messages,
    drop: async () => {
      await ask('DELETE', `/vhosts/${name}`);
    },
  };
}
