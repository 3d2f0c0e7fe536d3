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
  const rates = [];
  const costs = [];
  for (const [kind, title] of Object.entries(kinds)) {
    console.log(`\nReading: ${title} …`);
    const load = { connections: 50, requestsFile: requestsFiles[kind], seconds };
    await compare(programs, { ...load, rounds: 1, seconds: 2 }); // warms up
    const results = await compare(programs, { ...load, rounds });
    const row = (key) => {
      const [ours, theirs] = [results.banyan, results.bare].map((list) => list.map((result) => result[key]));
      return [withSpread(ours), withSpread(theirs), withSpread(ratios(ours, theirs), 2)];
    };
    rates.push([title, ...row('perSecond')]);
    costs.push([title, ...row('programUs'), ...row('postgresUs')]);
  }
  printTable('Reading, requests/s at 50 connections', ['', 'Banyan', 'bare', 'ratio'], rates);
  printTable('Reading, processor time, µs a request', ['', 'Banyan', 'bare', 'ratio', 'PostgreSQL for Banyan', 'for bare', 'ratio'], costs);
}
