/**
 * What the carrier's own code costs, without a broker, sockets or amqplib: caller and callee in one process, messages handed over in
 * memory. Disturbed far less by neighbours than carrier.mjs, so that a difference of 3 % can be seen.
 *
 *     node carrier-loop.mjs '{"inFlight": 100}'    prints µs of processor time a call, both sides together
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

import '../support/typescript.mjs';

const require = createRequire(import.meta.url);
const { probeContract } = require('../conformance/probe.contract.ts');
const { serveProbe } = require('../conformance/probe.server.ts');
const { makeClient } = require('../../libs/platform/src/dispatch/client.ts');
const { asSystem } = require('../../libs/platform/src/dispatch/context.ts');
const { Dispatcher } = require('../../libs/platform/src/dispatch/dispatcher.ts');
const { Routes } = require('../../libs/platform/src/dispatch/routes.ts');
const { OperationConsumer } = require('../../libs/platform/src/rabbitmq/operation.consumer.ts');
const { RabbitCarrier } = require('../../libs/platform/src/rabbitmq/rabbitmq.carrier.ts');
const { createLogger } = require('../../libs/platform/src/telemetry/log.ts');
const { Metrics } = require('../../libs/platform/src/telemetry/metrics.ts');

const { inFlight = 100, rounds = 30, calls = 4_000 } = JSON.parse(process.argv[2] ?? '{}');
const WARM_UP = 10;
const input = {
  recipient_id: randomUUID(),
  encrypted_content: randomBytes(300).toString('base64'),
  encrypted_session_key: randomBytes(128).toString('base64'),
};
const consumers = new Map();
let messages = 0;
let bytes = 0;

const log = createLogger({ level: 'warn' });
const key = randomBytes(32).toString('hex');
const id = randomUUID();
const { server } = await serveProbe('/dev/null');
const consumer = new OperationConsumer({ connection: connectionInMemory(), server, instanceId: id, key, log });
await consumer.ready();
const worker = { id, queue: consumer.queue, kind: 'worker', build: '', url: '', operations: new Map() };
const directory = { candidates: (_operation, kind) => (kind === 'worker' ? [worker] : []), suspect: () => undefined };
const carrier = new RabbitCarrier({ connection: connectionInMemory(), directory, key, log });
await carrier.ready();
const routes = new Routes({ probe: { remote: 10_000, local: 0, legacy: 0 } });
const dispatcher = new Dispatcher(routes, { local: undefined, remote: carrier, serves: () => false }, new Metrics());
const client = makeClient(probeContract, dispatcher);

const us = [];
await asSystem('bench', { key: 'bench', timeoutMs: 3_600_000 }, async () => {
  for (let round = -WARM_UP; round < rounds; round++) {
    if (round === 0) messages = bytes = 0;
    const before = process.cpuUsage();
    const work = async () => {
      for (let n = 0; n < calls / inFlight; n++) await client.echo(input);
    };
    await Promise.all(Array.from({ length: inFlight }, work));
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) us.push((user + system) / calls);
  }
});
us.sort((a, b) => a - b);
const figures = { leastUs: us[0], quartileUs: us[us.length >> 2], medianUs: us[us.length >> 1] };
const total = rounds * calls;
process.stdout.write(`${JSON.stringify({ ...figures, bytes: bytes / total, messages: messages / total })}\n`, () => process.exit(0));

/** As much of a connection as a carrier and a consumer use; what is published arrives two turns of the event loop later. */
function connectionInMemory() {
  const createChannel = async () => {
    let published = [];
    const deliver = () => {
      const delivered = published;
      published = [];
      for (const [queue, message] of delivered) consumers.get(queue)(message);
    };
    return Object.assign(new EventEmitter(), {
      assertQueue: async (queue) => ({ queue: queue || randomUUID() }),
      prefetch: async () => undefined,
      consume: async (queue, receive) => void consumers.set(queue, receive),
      ack: () => undefined,
      publish: (_exchange, queue, content, properties) => {
        messages++;
        bytes += content.length;
        if (published.push([queue, { content, properties, fields: {} }]) === 1) setImmediate(() => setImmediate(deliver));
      },
    });
  };
  return { managedConnection: Object.assign(new EventEmitter(), { isConnected: () => true, connection: { createChannel } }) };
}
