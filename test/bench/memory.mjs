/**
 * An idle host of some domains: what of its memory is in use when everything else was collected.
 *
 *     node memory.mjs '{"domains": ["auth", …]}'    settings in the environment; answers with JSON
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { root } from '../../apps/server/install.mjs';
import '../support/end-with-parent.mjs';

const require = createRequire(join(root, 'dist/package.json'));
const { loadSettings } = require('./libs/platform/src/config/settings.js');
const { startServer } = require('./apps/server/src/server.js');

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');

// SERVE knows hosts of all domains or of none.
const { domains } = JSON.parse(process.argv[2]);
const server = await startServer({ ...loadSettings(process.env), SERVE: { edge: true, domains } });
await delay(2_000);
// What finalisers let go of is collected the next time.
for (let n = 0; n < 3; n++) {
  collect();
  await delay(100);
}
const { heapUsed, external, rss } = process.memoryUsage();
await server.stop();
process.stdout.write(JSON.stringify({ heapMb: (heapUsed + external) / 2 ** 20, residentMb: rss / 2 ** 20 }), () => process.exit(0));
