/** `npm start`: installs and compiles what is missing, then becomes the server. */
import { existsSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';

import { mainFile, orExplain, prepare, Refusal, root } from './install.mjs';

await orExplain(async () => {
  await prepare();
  loadSettings(join(root, '.env'));
});

// In this very process: signals, exit code and the terminal are the server's own, with nothing in between to pass them on.
process.setSourceMapsEnabled(true);
process.argv[1] = mainFile;
Module.runMain(mainFile);

/** What the environment already says wins. */
function loadSettings(file) {
  if (!existsSync(file)) return;
  try {
    process.loadEnvFile(file);
  } catch (error) {
    throw new Refusal(`Cannot read ${file} (${error.code ?? error.message}): correct it, or move it away.`);
  }
}
