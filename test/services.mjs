/** `npm run services`: the servers of the tests for development, with data, ports and passwords that stay (in `.services/`). */
import { join } from 'node:path';
import { once } from 'node:events';

import { orExplain, prepare, root } from '../apps/server/install.mjs';
import { startServices } from './support/services.mjs';

// From the first moment on, so that nothing is left when it is interrupted while starting.
const interrupted = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
const services = await orExplain(async () => {
  await prepare();
  return startServices({ folder: join(root, '.services') });
});
for (const [name, url] of Object.entries(services.settings)) console.log(`${name}=${url}`);
console.log('Running until Ctrl-C.');
const keepAlive = setInterval(() => undefined, 60_000);
await interrupted;
clearInterval(keepAlive);
await services.stop();
