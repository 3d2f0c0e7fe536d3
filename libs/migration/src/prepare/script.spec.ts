import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { legacyFiles } from './script';

const folder = join(__dirname, '../../../../migrations/legacy');

it('is committed as it is generated, and nothing else is', () => {
  const committed = readdirSync(folder).filter((name) => name.endsWith('.sql'));
  expect(Object.fromEntries(committed.map((name) => [name, readFileSync(join(folder, name), 'utf8')]))).toEqual(legacyFiles());
});
