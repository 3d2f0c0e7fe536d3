/**
 * A remote call, as a client of a contract makes it, beside a bare AMQP request/reply (exclusive reply queue, map of correlation ids, no
 * promise kept but the answer) and golevelup's `request()`, between two processes, in turns: alone, and with 100 calls in flight.
 *
 *     node carrier.mjs '{"rounds": 5, "seconds": 2}'    AMQP_URL in the environment; prints figures as JSON
 *
 * With `brokerPid` the broker's processor time is among them; `only` names the ways to be measured (for a profile of one).
 */
import { fork } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { connect } from 'amqplib';

import { cpuMs } from './usage.mjs';
import '../support/typescript.mjs';

const require = createRequire(import.meta.url);
const { probeContract } = require('../conformance/probe.contract.ts');
const { makeClient } = require('../../libs/platform/src/dispatch/client.ts');
const { asSystem } = require('../../libs/platform/src/dispatch/context.ts');
const { Dispatcher } = require('../../libs/platform/src/dispatch/dispatcher.ts');
const { Routes } = require('../../libs/platform/src/dispatch/routes.ts');
const { closeRabbit, connectRabbit } = require('../../libs/platform/src/rabbitmq/connection.ts');
const { RabbitCarrier } = require('../../libs/platform/src/rabbitmq/rabbitmq.carrier.ts');
const { createLogger } = require('../../libs/platform/src/telemetry/log.ts');
const { Metrics } = require('../../libs/platform/src/telemetry/metrics.ts');

const { rounds = 5, seconds = 2, inFlight = 100, brokerPid, only } = JSON.parse(process.argv[2] ?? '{}');
const url = process.env.AMQP_URL;
const setup = { url, key: randomBytes(32).toString('hex'), id: randomUUID(), exchange: `bench.${randomUUID()}`, bareQueue: randomUUID() };
const input = {
  recipient_id: randomUUID(),
  encrypted_content: randomBytes(300).toString('base64'),
  encrypted_session_key: randomBytes(128).toString('base64'),
};

const log = createLogger({ level: 'warn' });
const exchanges = [{ name: setup.exchange, type: 'direct', options: { autoDelete: true } }];
const golevelup = await connectRabbit({ url, name: 'bench', log, config: { enableDirectReplyTo: true, exchanges } });
await golevelup.managedChannel.waitForConnect();

const callee = fork(fileURLToPath(new URL('carrier-callee.mjs', import.meta.url)), [JSON.stringify(setup)]);
const [{ queue }] = await once(callee, 'message');
const worker = { id: setup.id, queue, kind: 'worker', build: '', url: '', operations: new Map() };
const directory = { candidates: (_operation, kind) => (kind === 'worker' ? [worker] : []), suspect: () => undefined };
const carrier = new RabbitCarrier({ connection: golevelup, directory, key: setup.key, log });
await carrier.ready();
const routes = new Routes({ probe: { remote: 10_000, local: 0, legacy: 0 } });
const dispatcher = new Dispatcher(routes, { local: undefined, remote: carrier, serves: () => false }, new Metrics());
const client = makeClient(probeContract, dispatcher);
const context = { key: 'bench', timeoutMs: 3_600_000 };

const ways = {
  bare: await bareRequests(),
  carrier: () => client.echo(input),
  golevelup: () =>
    golevelup.request({ exchange: setup.exchange, routingKey: 'echo', payload: input, publishOptions: { persistent: false } }),
};
const measured = Object.entries(ways).filter(([way]) => only === undefined || only.includes(way));
const processes = { caller: process.pid, callee: callee.pid, broker: brokerPid };
const figures = Object.fromEntries(
  measured.map(([way]) => [way, { aloneUs: [], perSecond: [], cpuUs: { caller: [], callee: [], broker: [] } }]),
);
for (let round = -1; round < rounds; round++) {
  for (const [way, call] of measured) {
    const alone = await asSystem('bench', context, () => measure(call, 1));
    const many = await asSystem('bench', context, () => measure(call, inFlight));
    if (round < 0) continue; // warming up
    figures[way].aloneUs.push(alone.medianUs);
    figures[way].perSecond.push(many.perSecond);
    for (const [name, us] of Object.entries(many.cpuUs)) figures[way].cpuUs[name].push(us);
  }
}
callee.disconnect();
await carrier.close();
await closeRabbit(golevelup);
process.stdout.write(`${JSON.stringify(figures)}\n`, () => process.exit(0));

async function bareRequests() {
  const channel = await (await connect(url, { noDelay: true })).createChannel();
  const { queue: replyTo } = await channel.assertQueue('', { exclusive: true });
  const pending = new Map();
  await channel.consume(
    replyTo,
    ({ content, properties: { correlationId } }) => {
      pending.get(correlationId)(JSON.parse(content.toString()));
      pending.delete(correlationId);
    },
    { noAck: true },
  );
  let last = 0;
  return () =>
    new Promise((resolve) => {
      const correlationId = String(++last);
      pending.set(correlationId, resolve);
      channel.sendToQueue(setup.bareQueue, Buffer.from(JSON.stringify(input)), { correlationId, replyTo });
    });
}

/** @returns medianUs of a call, perSecond, and cpuUs: processor time per call of each process, 0 where nobody counts it */
async function measure(call, width) {
  const before = cpuOfAll();
  const until = performance.now() + seconds * 1_000;
  const took = [];
  const started = performance.now();
  const work = async () => {
    for (let now = performance.now(); now < until;) {
      await call();
      const then = performance.now();
      took.push(then - now);
      now = then;
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  const elapsed = performance.now() - started;
  const after = cpuOfAll();
  const cpuUs = Object.fromEntries(Object.keys(after).map((name) => [name, ((after[name] - before[name]) * 1_000) / took.length]));
  took.sort((a, b) => a - b);
  return { medianUs: took[took.length >> 1] * 1_000, perSecond: (took.length * 1_000) / elapsed, cpuUs };
}

function cpuOfAll() {
  return Object.fromEntries(Object.entries(processes).map(([name, pid]) => [name, cpuMs(pid) ?? 0]));
}
