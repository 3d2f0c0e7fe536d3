import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { scripts } from '../package.json';

const root = join(__dirname, '..');
const files = ['apps', 'docs', 'libs', 'migrations', 'test'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
);
const tests = files.filter((file) => /\.(spec|e2e)\.ts$/.test(file));
const pages = ['README.md', ...files.filter((file) => file.endsWith('.md'))];

const all = (pattern: RegExp, text: string) => [...text.matchAll(pattern)].map(([, found]) => found!);

describe.each(pages)('%s', (page) => {
  const text = readFileSync(join(root, page), 'utf8');

  it('links to what exists', () => {
    const links = all(/\]\(([^)#]+)(?:#[^)]*)?\)/g, text).filter((link) => !/^https?:/.test(link));
    expect(links.filter((link) => !existsSync(join(root, dirname(page), link)))).toEqual([]);
  });

  it('names commands and tests that exist', () => {
    expect(all(/`npm run ([\w:-]+)/g, text).filter((script) => !Object.hasOwn(scripts, script))).toEqual([]);
    const paths = all(/`npm test -- ([^`]+)`/g, text).flatMap((words) =>
      words.split(' ').filter((word) => /^(libs|test|apps)\b/.test(word)),
    );
    expect(paths.filter((path) => !tests.some((file) => file.startsWith(path)))).toEqual([]);
  });
});

it('no two decisions have one number', () => {
  const numbers = readdirSync(join(root, 'docs/adr')).map((file) => file.slice(0, 4));
  expect(numbers.filter((number, i) => numbers.indexOf(number) !== i)).toEqual([]);
  for (const file of readdirSync(join(root, 'docs/adr')))
    expect(readFileSync(join(root, 'docs/adr', file), 'utf8')).toMatch(new RegExp(`^# ${Number(file.slice(0, 4))}\\. `));
});
