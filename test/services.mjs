/** `npm run services`: the servers of the tests for development, with data, ports and passwords that stay (in `.services/`). */
import { join } from 'node:path';

import { orExplain, prepare, root } from '../apps/server/install.mjs';
import { startServices } from './support/services.mjs';

let isInterrupted = false;
const interrupted = new Promise((resolve) => {
  // They stay: npm passes on a Ctrl-C that the terminal has already sent, and the second must not cut the end short.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      isInterrupted = true;
      resolve();
    });
  }
});

const services = await orExplain(async () => {
  await prepare();
  return startServices({ folder: join(root, '.services') });
}).catch((error) => {
  if (!isInterrupted) throw error; // Ctrl-C reaches what is just being started, too
});

if (services) {
  for (const [name, url] of Object.entries(services.settings)) console.log(`${name}=${url}`);
  console.log('Running until Ctrl-C.');
  const keepAlive = setInterval(() => undefined, 60_000);
  await interrupted;
  clearInterval(keepAlive);
  await services.stop();
}
