/**
 * What a profile says, as tables: `node test/bench/profile.mjs FILE [LINES]`, of what `npm run bench -- --profile FOLDER` leaves: `.cpuprofile`
 * (processor time) and `.heapprofile` (bytes allocated, sampled).
 */
import { readFileSync } from 'node:fs';

import { number, printTable } from './figures.mjs';

const [file, lines = '40'] = process.argv.slice(2);
const profile = JSON.parse(readFileSync(file, 'utf8'));
const places = new Map();
const packages = new Map();
let total = 0;

const visit = (node, own, above) => {
  const { functionName, url, lineNumber } = node.callFrame;
  const name = `${functionName || '(anonymous)'} ${shorten(url)}${url ? `:${lineNumber + 1}` : ''}`;
  const place = places.get(name) ?? { own: 0, all: 0 };
  places.set(name, place);
  const self = own(node);
  place.own += self;
  total += self;
  const home = packageOf(url);
  packages.set(home, (packages.get(home) ?? 0) + self);
  const isOuter = !above.has(name); // of a recursion the outermost counts
  if (isOuter) above.add(name);
  let all = self;
  for (const child of node.children) all += visit(child, own, above);
  if (isOuter) {
    above.delete(name);
    place.all += all;
  }
  return all;
};

if (profile.nodes) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, { ...node, children: [], us: 0 }]));
  for (const { id, children = [] } of profile.nodes) nodes.get(id).children = children.map((child) => nodes.get(child));
  profile.samples.forEach((id, at) => (nodes.get(id).us += profile.timeDeltas[at]));
  visit(nodes.get(profile.nodes[0].id), ({ us }) => us / 1_000, new Set());
} else visit(profile.head, ({ selfSize }) => selfSize / 1_024, new Set());

const idle = places.get('(idle) ')?.own ?? 0;
const busy = total - idle;
const unit = profile.nodes ? 'ms' : 'KiB';
packages.set('', packages.get('') - idle);
printTable(
  `${number(busy)} ${unit}: packages and folders`,
  [unit, '%', ''],
  [...packages]
    .sort(([, a], [, b]) => b - a)
    .slice(0, 20)
    .map(([name, own]) => [number(own), number((100 * own) / busy, 1), name || 'native: system calls, garbage collection']),
);
for (const [title, key] of [
  ['by themselves', 'own'],
  ['with what they call', 'all'],
])
  printTable(
    `${number(busy)} ${unit}: functions ${title}`,
    [unit, '%', ''],
    [...places]
      .filter(([name]) => name !== '(idle) ' && name !== '(root) ')
      .sort(([, a], [, b]) => b[key] - a[key])
      .slice(0, Number(lines))
      .map(([name, place]) => [number(place[key]), number((100 * place[key]) / busy, 1), name]),
  );

function packageOf(url) {
  const inPackage = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url);
  return inPackage?.[1] ?? /\/(?:dist\/)?((?:libs\/platform\/src|libs|apps|test)\/[^/]+)/.exec(url)?.[1] ?? url;
}

function shorten(url) {
  return url.replace(/^.*\/(node_modules|dist|test)\//, (_, folder) => (folder === 'node_modules' ? '' : `${folder}/`));
}
