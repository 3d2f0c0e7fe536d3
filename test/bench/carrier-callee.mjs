/** The other side of carrier.mjs and kills.mjs: answers with what it got, over the carrier, and if asked to over bare AMQP and golevelup's RPC. Ends with its parent. */
import { createRequire } from 'node:module';
import { connect } from 'amqplib';

import '../support/typescript.mjs';

const require = createRequire(import.meta.url);
const { serveProbe } = require('../conformance/probe.server.ts');
const { connectRabbit } = require('../../libs/platform/src/rabbitmq/connection.ts');
const { OperationConsumer } = require('../../libs/platform/src/rabbitmq/operation.consumer.ts');
const { createLogger } = require('../../libs/platform/src/telemetry/log.ts');

const { url, key, id, exchange, bareQueue } = JSON.parse(process.argv[2]);
const log = createLogger({ level: 'warn' });

const connection = await connectRabbit({ url, name: 'bench callee', log });
const { server } = await serveProbe('/dev/null');
const consumer = new OperationConsumer({ connection, server, instanceId: id, key, log });
await consumer.ready();

if (bareQueue) await answerBare();
if (exchange) await answerGolevelup();

process.on('disconnect', () => process.exit(0));
process.send({ queue: consumer.queue });

async function answerBare() {
  const bare = await (await connect(url, { noDelay: true })).createChannel();
  await bare.assertQueue(bareQueue, { exclusive: true });
  await bare.prefetch(256);
  await bare.consume(bareQueue, (message) => {
    const { replyTo, correlationId } = message.properties;
    bare.sendToQueue(replyTo, Buffer.from(JSON.stringify(JSON.parse(message.content.toString()))), { correlationId });
    bare.ack(message);
  });
}

async function answerGolevelup() {
  const rpc = await connectRabbit({ url, name: 'bench rpc', log, config: { prefetchCount: 256 } });
  const queueOptions = { exclusive: true };
  await rpc.createRpc(async (input) => input, {
    exchange,
    routingKey: 'echo',
    queue: `${exchange}.echo`,
    queueOptions,
    createQueueIfNotExists: true,
  });
}
