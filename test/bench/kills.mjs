/**
 * How soon callers stop using an instance that was killed (SIGKILL): two instances answer 20 callers, one of the two is killed, another
 * one takes its place. From the kill until the carrier takes the dead one for gone, and the slowest call meanwhile.
 *
 *     node kills.mjs '{"kills": 20}'    AMQP_URL in the environment; answers with JSON; a call that fails ends it
 */
import { fork } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

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

const CALLERS = 20;
const { kills = 20 } = JSON.parse(process.argv[2] ?? '{}');
const url = process.env.AMQP_URL;
const key = randomBytes(32).toString('hex');
const log = createLogger({ level: 'error' });

const live = new Map();
let onSuspect = () => undefined;
/** As host_db would show them, but that nobody is missed before somebody has called him in vain. */
const directory = {
  candidates: (_operation, kind) => (kind === 'worker' ? [...live.values()] : []),
  suspect: (id) => live.delete(id) && onSuspect(id),
};
const connection = await connectRabbit({ url, name: 'bench kills', log });
const carrier = new RabbitCarrier({ connection, directory, key, log });
await carrier.ready();
const routes = new Routes({ probe: { remote: 10_000, local: 0, legacy: 0 } });
const client = makeClient(probeContract, new Dispatcher(routes, { remote: carrier, serves: () => false }, new Metrics()));

const callees = [await startCallee(), await startCallee()];
let isOver = false;
let slowestMs = 0;
const callers = Promise.all(Array.from({ length: CALLERS }, () => asSystem('bench', { key: 'bench', timeoutMs: 3_600_000 }, callOn)));

const detectedMs = [];
const slowestCallMs = [];
for (let n = 0; n < kills; n++) {
  callees.push(await startCallee());
  await Promise.race([delay(200), callers]);
  slowestMs = 0;
  const victim = callees.shift();
  const suspected = new Promise((resolve) => (onSuspect = (id) => id === victim.id && resolve(performance.now())));
  const killed = performance.now();
  victim.process.kill('SIGKILL');
  detectedMs.push((await Promise.race([suspected, callers])) - killed);
  await Promise.race([delay(500), callers]); // for calls that it had taken
  slowestCallMs.push(slowestMs);
}
isOver = true;
await callers;
for (const callee of callees) callee.process.disconnect();
await carrier.close();
await closeRabbit(connection);
process.stdout.write(`${JSON.stringify({ detectedMs, slowestCallMs })}\n`, () => process.exit(0));

async function startCallee() {
  const id = randomUUID();
  const child = fork(fileURLToPath(new URL('carrier-callee.mjs', import.meta.url)), [JSON.stringify({ url, key, id })]);
  const [{ queue }] = await once(child, 'message');
  live.set(id, { id, queue, kind: 'worker', build: '', url: '', operations: new Map() });
  return { id, process: child };
}

async function callOn() {
  while (!isOver) {
    const started = performance.now();
    await client.echo({});
    slowestMs = Math.max(slowestMs, performance.now() - started);
  }
}
