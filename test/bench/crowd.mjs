/** A group of many members who are all there: how long after one has said something the last one has it, beside a bare `ws` server. */
import { addAccounts, addGroups, makePeople, tokenOf, vacuum } from './data.mjs';
import { median, number, printTable } from './figures.mjs';
import { ask, startBanyan, startBareSockets } from './programs.mjs';
import { LIMITS } from './sockets.mjs';

export async function measureCrowd(place, { members, times }) {
  console.log(`\nA group of ${number(members)} who are all there …`);
  const settings = { ...place.settings('crowd'), ...LIMITS };
  const everybody = makePeople(members, 'member');
  await (await startBanyan(settings, { cwd: place.folder, name: 'crowd-first' })).stop(); // makes the databases
  await addAccounts(settings, everybody);
  const [group_id] = await addGroups(settings, [everybody]);
  await vacuum(settings);
  const payload = { group_id, encrypted_content: 'x'.repeat(300), encrypted_session_keys: {} };
  const rows = [];
  for (const [title, begin] of Object.entries({
    Banyan: () => startBanyan(settings, { cwd: place.folder, name: 'crowd' }),
    'bare `ws`': startBareSockets,
  })) {
    const server = await begin();
    const urls = everybody.map(({ id }) => `${server.url.replace('http', 'ws')}/ws/${id}?token=${tokenOf(id, place.secret)}`);
    const { took } = await ask('sockets-clients.mjs', { file: place.write('crowd', { measure: 'crowd', urls, payload, times }) });
    await server.stop();
    rows.push([title, number(median(took)), number(Math.max(...took))]);
  }
  printTable(`A message to a group of ${number(members)}, until the last one has it, ms`, ['', 'median', 'max'], rows);
}
