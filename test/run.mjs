/**
 * `npm test`: installs what is missing, compiles, starts real servers, checks formatting, lint, types and boundaries, and runs every
 * spec and end-to-end test. The last line is `N passed, N failed`.
 *
 *     npm test -- libs/relay -t acknowledge     only jest, with these arguments
 *     npm test -- --all                         the full matrix (TEST_MATRIX=all for the tests)
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { orExplain, prepare, root } from '../apps/server/install.mjs';
import { startServices } from './support/services.mjs';

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
  const { passed, failed } = await withServices(runJest);
  if (!isLintClean) console.log('`npm run lint` failed; see above.');
  // What is not a test and failed all the same (lint, a file that cannot be loaded) counts as one: `0 failed` means that all is well.
  const failures = failed + (isLintClean ? 0 : 1);
  console.log(`${passed} passed, ${failures} failed`);
  return failures === 0 && !interruption ? 0 : 1;
});

async function withServices(work) {
  const services = await startServices();
  try {
    return await work(services.env);
  } finally {
    await services.stop();
  }
}

/** @returns counts of tests; a run without a result is one failure */
async function runJest(env) {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-jest-'));
  const report = join(folder, 'report.json');
  try {
    const jest = join(root, 'node_modules/jest/bin/jest.js');
    const matrix = isFullMatrix ? { TEST_MATRIX: 'all' } : {};
    const code = await run(process.execPath, [jest, '--json', `--outputFile=${report}`, ...selection], { ...env, ...matrix });
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = readReport(report);
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    return { passed: numPassedTests, failed: failed === 0 && code !== 0 ? 1 : failed };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
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
    // Its standard output is for the report of the tests, which goes to a file as well.
    running = spawn(command, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...env } });
    running.once('error', reject).once('close', (code) => resolve(code ?? 1));
  });
}
