#!/usr/bin/env node
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const built = fileURLToPath(new URL('../../dist/apps/cli/src/main.js', import.meta.url));
if (!existsSync(built)) {
  console.error('Banyan is not built yet; run `npm run build` in its folder first.');
  process.exit(1);
}
// Whoever reads us may have seen enough: `banyan settings | head -1`.
process.stdout.on('error', (error) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const { main } = createRequire(import.meta.url)(built);
process.exitCode = await main(process.argv.slice(2), version);
