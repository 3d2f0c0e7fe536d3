/**
 * `npm run bench`: Banyan beside the least that could do the same, measured in one run, in turns, on servers of its own. Figures of
 * different machines or runs say little; ratios within one run do. Some nine minutes; prints Markdown (docs/bench.md). A missed
 * target is said and fails nothing.
 *
 *     npm run bench -- --only send,read     of start, call, carrier, split, home, proxy, sockets, uploads, search, sign-in, send, read
 *     npm run bench -- --short              a trial: few and short rounds
 *     npm run bench -- --profile FOLDER     a CPU profile of the server there, for Chrome's developer tools
 */

import { orExplain, prepare } from '../../apps/server/install.mjs';

await orExplain(prepare);
// Only now: on a fresh clone its packages have just come.
await import('./measure.mjs');
