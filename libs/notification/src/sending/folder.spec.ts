import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderTransport, KEPT_FILES } from './folder';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'banyan-mail-'));
});
afterEach(() => rm(folder, { recursive: true }));

const named = (n: number) => `20261122T153100${String(n).padStart(6, '0')}Z-0197f0aa-0000-7000-8000-${String(n).padStart(12, '0')}`;
const deliver = (n: number) =>
  new FolderTransport(folder).deliver({
    envelope: { from: 'a@chat.example', to: 'b@chat.example' },
    content: Buffer.from('a mail'),
    name: named(n),
    beforeContent: () => Promise.resolve(),
    signal: new AbortController().signal,
  });

it('the folder of mails does not grow for ever: the newest are kept, and what is no mail', async () => {
  await Promise.all(Array.from({ length: KEPT_FILES + 9 }, (_, n) => writeFile(join(folder, `${named(n)}.eml`), '')));
  await writeFile(join(folder, `${named(0)}.eml.new`), 'half of'); // by somebody who was killed
  await writeFile(join(folder, 'notes.txt'), 'mine');
  expect(await deliver(KEPT_FILES + 9)).toEqual({ kind: 'accepted' });
  const names = await readdir(folder);
  expect(names).toHaveLength(KEPT_FILES + 1);
  expect(names.sort().slice(0, 2)).toEqual([`${named(10)}.eml`, `${named(11)}.eml`]);
  expect(names).toEqual(expect.arrayContaining([`${named(KEPT_FILES + 9)}.eml`, 'notes.txt']));
});

it('what cannot be taken away is in nobody’s way', async () => {
  await Promise.all(Array.from({ length: KEPT_FILES }, (_, n) => writeFile(join(folder, `${named(n + 1)}.eml`), '')));
  await mkdir(join(folder, `${named(0)}.eml`));
  expect(await deliver(KEPT_FILES + 1)).toEqual({ kind: 'accepted' });
});
