import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type DomainEntry, domains } from '@banyan/domains';
import { picture } from '../picture';

/**
 * `npm run new-domain -- calendar`: a room in libs/ made from template/ (which has the shape of the repository), with one operation
 * that is served and tested, and its line in each of the three tables that name the domains.
 */
const root = join(__dirname, '../../..');
const template = join(__dirname, 'template');

const ENTRY: DomainEntry = { owns: 'nothing yet', calls: [] };

/** Every file that is new or changes, with its content. Nothing is written before all of them are known. */
function filesOf(name: string): Map<string, string> {
  const Name = name[0]!.toUpperCase() + name.slice(1);
  const named = (text: string) => text.replaceAll('__name__', name).replaceAll('__Name__', Name);
  const made = readdirSync(template, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.template'))
    .map((file): [string, string] => [named(file.replace(/\.template$/, '')), named(readFileSync(join(template, file), 'utf8'))]);
  const server = insert('apps/server/src/domains.ts', [
    [
      "import type { Type } from '@nestjs/common';",
      `import { ${name}Contract } from '@banyan/${name}/contract';\nimport { ${Name}Module } from '@banyan/${name}/${name}.module';\n`,
    ],
    ['};\n\nexport const contracts', `  ${name}: { contract: ${name}Contract, module: ${Name}Module },\n`],
  ]);
  return new Map([
    ...made,
    server,
    insert('libs/domains.ts', [['} as const satisfies', `  ${name}: { owns: '${ENTRY.owns}', calls: [] },\n`]]),
    insert('tsconfig.json', [['      "@banyan/migration/*"', `      "@banyan/${name}/*": ["./libs/${name}/src/*"],\n`]]),
    ['docs/architecture.svg', picture({ ...domains, [name]: ENTRY })],
  ]);
}

/** A file of this repository with each text put before the place that it names. */
function insert(file: string, additions: readonly (readonly [before: string, text: string])[]): [string, string] {
  const content = readFileSync(join(root, file), 'utf8');
  return [
    file,
    additions.reduce((changed, [before, text]) => {
      if (changed.split(before).length !== 2) throw new Refusal(`${file} should contain ${JSON.stringify(before)} once.`);
      return changed.replace(before, () => text + before);
    }, content),
  ];
}

class Refusal extends Error {}

function main(name = ''): void {
  // A name is also a setting's word, a folder, a part of class names and routing keys.
  if (!/^[a-z]{2,30}$/.test(name)) throw new Refusal('Give the domain a name of 2 to 30 small letters: npm run new-domain -- calendar');
  if (existsSync(join(root, 'libs', name)) || Object.hasOwn(domains, name)) throw new Refusal(`There is a room called ${name} already.`);
  const files = filesOf(name);
  for (const [file, content] of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), content);
  }
  console.log([...files.keys()].join('\n'));
  console.log(`\n${name} serves GET /api/v1/${name}/echo. Try it: npm test -- libs/${name}`);
}

try {
  main(process.argv[2]);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
