/**
 * `npm test`: installs what is missing, compiles, starts real servers, checks formatting, lint, types and boundaries, and runs every
 * spec and end-to-end test. The last line is `N passed, N failed`.
 *
 *     npm test -- libs/relay -t acknowledge     only jest, with these arguments
 *     npm test -- --all                         the full matrix (TEST_MATRIX=all for the tests)
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { orExplain, prepare, root } from '../apps/server/install.mjs';
import { startServices } from './support/services.mjs';
import { chromium } from './support/services/chromium.mjs';
import { findSources } from './support/services/sources.mjs';

const selection = process.argv.slice(2).filter((argument) => argument !== '--all');
const isFullMatrix = process.argv.includes('--all');
let running;
let interruption;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    interruption = signal;
    running?.kill('SIGTERM');
  });
}

process.exitCode = await orExplain(async () => {
  await prepare();
  const isLintClean = selection.length > 0 || (await runNpm('lint')) === 0;
  const { passed, failed } = await withServices(runJest).catch((error) => {
    if (!interruption) throw error; // Ctrl-C reaches what is just being started, too
    return { passed: 0, failed: 1 };
  });
  if (!isLintClean) console.log('`npm run lint` failed; see above.');
  // What is not a test and failed all the same (lint, a file that cannot be loaded) counts as one: `0 failed` means that all is well.
  const failures = failed + (isLintClean ? 0 : 1);
  console.log(`${passed} passed, ${failures} failed`);
  return failures === 0 && !interruption ? 0 : 1;
});

async function withServices(work) {
  const { program } = (await findSources([chromium])).get(chromium).binaries;
  const services = await startServices();
  try {
    return await work({ ...services.env, TEST_CHROMIUM: program });
  } finally {
    await services.stop();
  }
}

/** @returns counts of tests; a run without a result is one failure */
async function runJest(env) {
  // What interrupted tests leave goes with the servers; a PostgreSQL ends by itself when its folder is gone.
  const TMPDIR = join(dirname(env.TEST_SERVICES_FILE), 'tmp');
  mkdirSync(TMPDIR);
  const report = join(TMPDIR, 'report.json');
  const args = [
    '--forceExit',
    '--json',
    `--outputFile=${report}`,
    `--cacheDirectory=${join(root, 'node_modules/.cache/jest')}`,
    ...selection,
  ];
  const matrix = isFullMatrix ? { TEST_MATRIX: 'all' } : {};
  const code = await run(process.execPath, [join(root, 'node_modules/jest/bin/jest.js'), ...args], { ...env, ...matrix, TMPDIR });
  const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = readReport(report);
  const failed = numFailedTests + numRuntimeErrorTestSuites;
  return { passed: numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 1 };
  }
}

function runNpm(script) {
  const npm = process.env.npm_execpath;
  return npm ? run(process.execPath, [npm, 'run', '--silent', script]) : run('npm', ['run', '--silent', script]);
}

/** @returns its exit code */
function run(command, args, env = {}) {
  if (interruption) return 1;
  return new Promise((resolve, reject) => {
    running = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
    running.once('error', reject).once('close', (code) => resolve(code ?? 1));
  });
}
