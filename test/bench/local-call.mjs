/**
 * What a call between domains costs in one process, layer by layer, on `websocket.pushMany` of a message's frame to nobody: that touches
 * neither database nor key-value store, so nothing but the way there is measured.
 *
 *     node local-call.mjs '{}'    settings in the environment; answers with microseconds per call, one figure per batch
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

import { root } from '../../apps/server/install.mjs';
import { draftFor } from './data.mjs';
import '../support/end-with-parent.mjs';

const BATCHES = 300;
const CALLS = 500;
const WARM_UP = 50;

const require = createRequire(join(root, 'dist/package.json'));
const { loadSettings } = require('./libs/platform/src/config/settings.js');
const { asSystem, currentContext } = require('./libs/platform/src/dispatch/context.js');
const { clientToken } = require('./libs/platform/src/dispatch/client.js');
const { accept } = require('./libs/message/src/contract/operations.js');
const { pushMany, websocketContract } = require('./libs/websocket/src/contract/operations.js');
const { WebsocketService } = require('./libs/websocket/src/websocket.service.js');
const { startServer } = require('./apps/server/src/server.js');

let carrier;
const server = await startServer(loadSettings(process.env), { wrapCarrier: (local) => (carrier = local) });
const service = server.app.get(WebsocketService);
const client = server.app.get(clientToken(websocketContract));

const user_id = '01890000-0000-7000-8000-000000000000';
const data = draftFor(user_id);
const input = { user_ids: [], frame: { type: 'relay_message', id: user_id, body: { data } } };

const layers = {
  service: () => service.pushMany([], input.frame),
  /** + access, validation, context, Nest's handler, controller */
  carrier: () => carrier.call(pushMany, input, currentContext()),
  /** + route, deadline, trace, metrics: all that a caller goes through */
  client: () => client.pushMany(input),
  validation: () => pushMany.input.safeParse(input),
  draftValidation: () => accept.input.safeParse(data),
};

const figures = Object.fromEntries(Object.keys(layers).map((layer) => [layer, []]));
for (let batch = -WARM_UP; batch < BATCHES; batch++) {
  for (const [layer, call] of Object.entries(layers)) {
    const us = await asSystem('bench', { key: 'bench' }, () => timed(call));
    if (batch >= 0) figures[layer].push(us);
  }
}
await server.stop();
process.stdout.write(JSON.stringify(figures), () => process.exit(0));

async function timed(call) {
  const started = performance.now();
  for (let n = 0; n < CALLS; n++) await call();
  return ((performance.now() - started) * 1_000) / CALLS;
}
