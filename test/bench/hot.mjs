/**
 * Where the time of a CPU profile went: `node test/bench/hot.mjs FILE.cpuprofile`. By package or folder, then by function; the
 * time in the function itself, in percent of the time that was not idle.
 */
import { readFileSync } from 'node:fs';

const { nodes, samples, timeDeltas } = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const selfUs = new Map();
samples.forEach((id, n) => selfUs.set(id, (selfUs.get(id) ?? 0) + timeDeltas[n]));

const places = new Map();
const functions = new Map();
let busyUs = 0;
for (const { id, callFrame } of nodes) {
  const us = selfUs.get(id) ?? 0;
  const { functionName, url, lineNumber } = callFrame;
  if (us === 0 || ['(idle)', '(program)', '(root)'].includes(functionName)) continue;
  busyUs += us;
  add(places, placeOf(url, functionName), us);
  add(functions, `${functionName || '(anonymous)'}  ${shorten(url)}:${lineNumber + 1}`, us);
}
print(places, 20);
print(functions, 40);

function placeOf(url, functionName) {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url);
  if (inPackage) return inPackage[1];
  const ours = /\/(?:dist\/)?((?:libs\/platform\/src|libs|apps|test)\/[^/]+)/.exec(url);
  return ours?.[1] ?? (url || functionName);
}

function shorten(url) {
  return url.replace(/^.*\/(?=node_modules\/|libs\/|apps\/|test\/)/, '');
}

function add(sums, key, us) {
  sums.set(key, (sums.get(key) ?? 0) + us);
}

function print(sums, count) {
  const top = [...sums].sort(([, a], [, b]) => b - a).slice(0, count);
  for (const [name, us] of top) console.log(`${((us / busyUs) * 100).toFixed(1).padStart(5)} %  ${name}`);
  console.log();
}
