/**
 * `npm run bench`: Banyan beside the least that could do the same, measured in one run, in turns, on servers of its own. Figures of
 * different machines or runs say little; ratios within one run do. At most ten minutes; prints Markdown (docs/bench.md), at its end which
 * targets hold. A missed one fails nothing.
 *
 *     npm run bench -- --only send,read     rooms of rooms.mjs, also those that are not part of a usual run
 *     npm run bench -- --all                every room
 *     npm run bench -- --short              a trial: few and short rounds
 *     npm run bench -- --profile FOLDER     profiles of each server there, of processor time and of what it allocates (profile.mjs reads them)
 *     npm run bench -- --only send --ways bare,local    of the ways that `send` compares
 */

import { orExplain, prepare } from '../../apps/server/install.mjs';

await orExplain(prepare);
// Only now: on a fresh clone its packages have just come.
await import('./measure.mjs');
