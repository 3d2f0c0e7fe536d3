import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { domainNames, domains } from '@banyan/domains';

const root = join(__dirname, '..');

/** A small tree that breaks rules, judged by the real configuration. File → what it imports. */
type Tree = Readonly<Record<string, readonly string[]>>;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-boundaries-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** @returns the rules that each file breaks */
async function judge(tree: Tree): Promise<Record<string, string[]>> {
  const place = await mkdtemp(join(folder, 'tree-'));
  const write = async (file: string, text: string) => {
    await mkdir(dirname(join(place, file)), { recursive: true });
    await writeFile(join(place, file), text);
  };
  for (const name of [...domainNames, 'platform']) {
    await write(`libs/${name}/src/contract/index.ts`, 'export {};');
    await write(`libs/${name}/src/contract/events.ts`, 'export {};');
    await write(`libs/${name}/src/${name}.service.ts`, 'export {};');
    await write(`libs/${name}/src/${name}.store.ts`, 'export {};');
  }
  for (const inner of ['dispatch/client', 'edge/edge', 'database/database']) await write(`libs/platform/src/${inner}.ts`, 'export {};');
  await write('apps/server/src/server.ts', 'export {};');
  for (const [file, imports] of Object.entries(tree)) await write(file, imports.map((path) => `import '${path}';`).join('\n'));
  await copyFile(join(root, 'libs/domains.ts'), join(place, 'libs/domains.ts'));
  await copyFile(join(root, 'tsconfig.json'), join(place, 'tsconfig.json'));
  await write('node_modules/zod/package.json', '{"name":"zod","main":"index.js"}');
  await write('node_modules/zod/index.js', '');

  const program = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const options = ['--config', join(root, '.dependency-cruiser.cjs'), '--output-type', 'json', 'apps', 'libs'];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...options], { cwd: place, maxBuffer: 64_000_000 });
  const { summary } = JSON.parse(stdout) as { summary: { violations: { from: string; rule: { name: string } }[] } };
  const broken: Record<string, string[]> = Object.fromEntries(Object.keys(tree).map((file) => [file, []]));
  for (const { from, rule } of summary.violations) (broken[from] ??= []).push(rule.name);
  return broken;
}

it('a domain may import the contracts that the table says it calls, and of the others only events, in its handlers', async () => {
  const pairs = domainNames.flatMap((from) => domainNames.filter((to) => to !== from).map((to) => [from, to] as const));
  const service = (from: string, to: string) => `libs/${from}/src/calls-${to}.service.ts`;
  const handlers = (from: string, to: string) => `libs/${from}/src/hears-${to}.handlers.ts`;
  const broken = await judge(
    Object.fromEntries(
      pairs.flatMap(([from, to]) => [
        [service(from, to), [`@banyan/${to}/contract`]],
        [handlers(from, to), [`@banyan/${to}/contract/events`]],
      ]),
    ),
  );
  for (const [from, to] of pairs) {
    const mayCall = (domains[from].calls as readonly string[]).includes(to);
    expect([from, to, broken[service(from, to)]]).toEqual([from, to, mayCall ? [] : [`${from}-calls-only`]]);
    expect([from, to, broken[handlers(from, to)]]).toEqual([from, to, []]);
  }
});

it('imports that go the wrong way', async () => {
  const expected: Record<string, [imports: string, rule: string | undefined]> = {
    'libs/relay/src/reaches-in.ts': ['@banyan/message/message.service', 'relay-only-contracts'],
    'libs/relay/src/reaches-around.ts': ['../../message/src/message.store', 'relay-only-contracts'],
    'libs/user/src/asks.handlers.ts': ['@banyan/auth/contract', 'user-hears-events-only'],
    'libs/platform/src/knows.ts': ['@banyan/user/contract', 'platform-knows-no-domain'],
    'libs/platform/src/wires.ts': ['../../../apps/server/src/server', 'platform-knows-no-domain'],
    'libs/user/src/starts.ts': ['../../../apps/server/src/server', 'domains-know-no-app'],
    'libs/user/src/contract/heavy.ts': ['@banyan/platform/database/database', 'contracts-are-data'],
    'libs/user/src/contract/own.ts': ['../user.service', 'contracts-are-data'],
    'libs/user/src/contract/light.ts': ['zod', undefined],
    'libs/user/src/user.controller.ts': ['./user.store', 'controllers-know-no-store'],
    'libs/user/src/user.handlers.ts': ['./user.store', 'handlers-know-no-store'],
    'libs/user/src/other.store.ts': ['@banyan/platform/dispatch/client', 'stores-know-sql-only'],
    'libs/user/src/web.ts': ['@banyan/platform/edge/edge', 'only-the-edge-knows-http'],
    'libs/user/src/lost.ts': ['./nowhere', 'no-unresolvable'],
    'libs/user/src/one.ts': ['./two', 'no-cycles'],
    'libs/user/src/two.ts': ['./one', undefined], // told once
    'libs/user/src/fine.ts': ['./user.store', undefined],
    'apps/server/src/fine.ts': ['@banyan/user/user.service', undefined],
  };
  const broken = await judge(Object.fromEntries(Object.entries(expected).map(([file, [imports]]) => [file, [imports]])));
  expect(broken).toEqual(Object.fromEntries(Object.entries(expected).map(([file, [, rule]]) => [file, rule ? [rule] : []])));
});
