/**
 * Load from a process of its own: it would disturb a server in the same one. Answers with JSON; `loadMs` is its own processor time.
 *
 *     node load.mjs '{"url", "seconds", "connections", "requestsFile", "perSecond"?}'
 *
 * The file holds lists of requests; connection n goes through list n again and again. Without `perSecond`, as fast as answers come (autocannon).
 */
import { readFileSync } from 'node:fs';
import autocannon from 'autocannon';

import '../support/end-with-parent.mjs';
import { keepPace } from './pace.mjs';

const { url, seconds, connections, requestsFile, perSecond } = JSON.parse(process.argv[2]);
const lists = JSON.parse(readFileSync(requestsFile, 'utf8'));

const before = process.cpuUsage();
const result = perSecond ? await keepPace({ url, seconds, connections, lists, perSecond }) : await asFastAsTheyCome();
const { user, system } = process.cpuUsage(before);
process.stdout.write(JSON.stringify({ ...result, loadMs: (user + system) / 1_000 }), () => process.exit(0));

async function asFastAsTheyCome() {
  let next = 0;
  const outcome = await autocannon({
    url,
    connections,
    duration: seconds,
    setupClient: (client) => client.setRequests(lists[next++ % lists.length]),
  });
  return {
    perSecond: outcome['2xx'] / outcome.duration,
    ok: outcome['2xx'],
    failed: outcome.non2xx + outcome.errors + outcome.timeouts,
    p50Ms: outcome.latency.p50,
    p99Ms: outcome.latency.p99,
  };
}
