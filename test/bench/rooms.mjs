/**
 * What the bench measures, a room for each part. Those with `usual` have the targets and make a run without `--only`. `full` and `short` are
 * sizes: how often, how long, how many.
 */
import { measureLocalCall } from './call.mjs';
import { measureCrowd } from './crowd.mjs';
import { measureDataHomes } from './data-home.mjs';
import { measureFlips } from './flips.mjs';
import { measureProxy } from './proxy.mjs';
import { measureReading } from './read.mjs';
import { measureRemoteCall } from './remote-call.mjs';
import { measureSearch } from './search.mjs';
import { measureSending } from './send.mjs';
import { measureSignIn } from './sign-in.mjs';
import { measureSockets } from './sockets.mjs';
import { measureStart } from './start.mjs';
import { measureUploads } from './uploads.mjs';

export const rooms = {
  send: {
    usual: true,
    measure: measureSending,
    full: { warmUpSeconds: 10, rounds: 6, pacedRounds: 3, seconds: 4 },
    short: { warmUpSeconds: 4, rounds: 2, pacedRounds: 1, seconds: 3 },
  },
  read: {
    usual: true,
    measure: measureReading,
    full: { warmUpSeconds: 3, rounds: 3, seconds: 3 },
    short: { warmUpSeconds: 2, rounds: 1, seconds: 2 },
  },
  sockets: {
    usual: true,
    measure: measureSockets,
    full: { idle: 10_000, readers: 500, rounds: 3, deliveryRounds: 2, seconds: 4 },
    short: { idle: 2_000, readers: 500, rounds: 1, deliveryRounds: 1, seconds: 3 },
  },
  start: {
    usual: true,
    measure: measureStart,
    full: { embedded: 1, workers: 2, memory: 1 },
    short: { embedded: 1, workers: 1, memory: 1 },
  },
  call: { usual: true, measure: measureLocalCall },
  carrier: { measure: measureRemoteCall, full: { rounds: 5, seconds: 2, kills: 20 }, short: { rounds: 1, seconds: 1, kills: 3 } },
  flips: { measure: measureFlips, full: { flips: 20 }, short: { flips: 3 } },
  home: { measure: measureDataHomes, full: { rounds: 6, seconds: 4 }, short: { rounds: 2, seconds: 3 } },
  proxy: { measure: measureProxy, full: { rounds: 6, seconds: 4 }, short: { rounds: 2, seconds: 3 } },
  crowd: { measure: measureCrowd, full: { members: 10_000, times: 20 }, short: { members: 1_000, times: 5 } },
  uploads: { measure: measureUploads, full: { uploads: 400, rounds: 5 }, short: { uploads: 100, rounds: 2 } },
  search: {
    measure: measureSearch,
    full: { users: 1_000_000, searches: 100, inserts: 5_000 },
    short: { users: 100_000, searches: 20, inserts: 500 },
  },
  'sign-in': {
    measure: measureSignIn,
    full: { rounds: 3, seconds: 5, pairs: 100, checks: 5_000 },
    short: { rounds: 1, seconds: 3, pairs: 10, checks: 500 },
  },
};
