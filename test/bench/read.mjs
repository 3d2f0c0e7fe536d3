/** Reading, for information: there is no target. */
import { compare } from './compare.mjs';
import { printTable, ratios, withSpread } from './figures.mjs';

/** @param requestsFiles by the names below */
export async function measureReading(programs, { rounds, seconds, requestsFiles }) {
  const kinds = {
    me: 'GET /auth/me',
    emptyQueue: 'GET /relay/pending, nothing there',
    fullQueue: 'GET /relay/pending, 100 messages',
    conversation: 'GET /messages/conversation, 50 newest of 10,000',
  };
  const rows = [];
  for (const [kind, title] of Object.entries(kinds)) {
    console.log(`\nReading: ${title} …`);
    const load = { connections: 50, requestsFile: requestsFiles[kind], seconds };
    await compare(programs, { ...load, rounds: 1, seconds: 2 }); // warms up
    const results = await compare(programs, { ...load, rounds });
    const [ours, theirs] = [results.banyan, results.bare].map((list) => list.map(({ perSecond }) => perSecond));
    rows.push([title, withSpread(ours), withSpread(theirs), withSpread(ratios(ours, theirs), 2)]);
  }
  printTable('Reading, requests/s at 50 connections', ['', 'Banyan', 'bare', 'ratio'], rows);
}
