import { homeAt } from '@banyan/platform/dispatch/routes';
import fc from 'fast-check';
import { completeShares, inWords, movedBuckets, toShares, toWeights } from './shares';

const all = { remote: 0, local: 100, legacy: 0 };
const old = { remote: 0, local: 10, legacy: 90 };
const three = { remote: 25, local: 25, legacy: 50 };

describe('shares', () => {
  it.each([
    [{ remote: 25 }, all, { remote: 25, local: 75, legacy: 0 }],
    [{ remote: 12.5 }, all, { remote: 12.5, local: 87.5, legacy: 0 }],
    [{ remote: 100 }, three, { remote: 100, local: 0, legacy: 0 }],
    [{ local: 100 }, three, { remote: 0, local: 100, legacy: 0 }],
    [{ legacy: 100 }, three, { remote: 0, local: 0, legacy: 100 }],
    [{ legacy: 80 }, old, { remote: 0, local: 20, legacy: 80 }],
    [{ local: 25 }, old, { remote: 0, local: 25, legacy: 75 }],
    [{ local: 50 }, { remote: 25, local: 75, legacy: 0 }, { remote: 50, local: 50, legacy: 0 }],
    [{ remote: 10, local: 10 }, all, { remote: 10, local: 10, legacy: 80 }],
    [{ local: 40, legacy: 40 }, all, { remote: 20, local: 40, legacy: 40 }],
    [{ remote: 5, legacy: 0 }, old, { remote: 5, local: 95, legacy: 0 }],
    [{ remote: 33.33, local: 33.33, legacy: 33.34 }, all, { remote: 33.33, local: 33.33, legacy: 33.34 }],
    [{ remote: 25 }, old, undefined], // local has not that much to give, and nobody spoke of legacy
    [{ remote: 60, local: 60 }, all, undefined],
    [{ remote: 10, local: 10, legacy: 10 }, all, undefined],
  ])('%j at %j means %j', (named, previous, meant) => {
    expect(completeShares(named, previous)).toEqual(meant);
  });

  it('stand for whole buckets', () => {
    expect(toWeights({ remote: 12.34, local: 87.66, legacy: 0 })).toEqual({ remote: 1_234, local: 8_766, legacy: 0 });
    expect(inWords({ remote: 1_250, local: 8_750, legacy: 0 })).toBe('12.5% remote, 87.5% local');
    const weights = fc.tuple(fc.nat(10_000), fc.nat(10_000)).map(([a, b]) => {
      const [low, high] = a < b ? [a, b] : [b, a];
      return { remote: low, local: high - low, legacy: 10_000 - high };
    });
    fc.assert(fc.property(weights, (one) => expect(toWeights(toShares(one))).toEqual(one)));
    fc.assert(
      fc.property(weights, weights, (before, after) => {
        const buckets = Array.from({ length: 10_000 }, (_, bucket) => bucket);
        expect(movedBuckets(before, after)).toBe(buckets.filter((bucket) => homeAt(before, bucket) !== homeAt(after, bucket)).length);
      }),
      { numRuns: 20 },
    );
  });
});
