import fc from 'fast-check';
import { ALL, bucketOf, homeAt, newHomeAt, Routes, type RouteWeights } from './routes';

const bucket = fc.integer({ min: 0, max: ALL - 1 });
const weights: fc.Arbitrary<RouteWeights> = fc
  .tuple(fc.integer({ min: 0, max: ALL }), fc.integer({ min: 0, max: ALL }))
  .map(([a, b]) => ({ remote: Math.min(a, b), local: Math.abs(a - b), legacy: ALL - Math.max(a, b) }));

describe('the line of buckets', () => {
  it('has each subject at one place, the same in every process', () => {
    expect(bucketOf('relay', 'somebody')).toBe(1_448);
    fc.assert(
      fc.property(fc.string(), fc.string(), (salt, subject) => {
        const place = bucketOf(salt, subject);
        return place === bucketOf(salt, subject) && Number.isInteger(place) && place >= 0 && place < ALL;
      }),
    );
  });

  it('puts salt and subject apart: neither runs into the other', () => {
    const places = [bucketOf('ab', 'c'), bucketOf('a', 'bc'), bucketOf('', 'abc')];
    expect(new Set(places).size).toBe(3);
  });

  it('spreads subjects evenly', () => {
    const tenths = Array.from({ length: 10 }, () => 0);
    for (let i = 0; i < 20_000; i++) tenths[Math.floor(bucketOf('auth', `user-${i}`) / 1_000)]!++;
    for (const count of tenths) expect(Math.abs(count - 2_000)).toBeLessThan(200); // 4.7 standard deviations; the same numbers each run
  });

  it('gives each home its share to the bucket', () => {
    fc.assert(
      fc.property(weights, (share) => {
        const counts = { remote: 0, local: 0, legacy: 0 };
        for (let place = 0; place < ALL; place++) counts[homeAt(share, place)]++;
        expect(counts).toEqual(share);
      }),
      { numRuns: 20 },
    );
  });

  const forward = { legacy: 0, local: 1, remote: 2 };

  it('moves users only forward while more is given to the newer homes', () => {
    fc.assert(
      fc.property(weights, weights, bucket, (one, other, place) => {
        const isRaise = other.remote >= one.remote && other.legacy <= one.legacy;
        fc.pre(isRaise);
        expect(forward[homeAt(other, place)]).toBeGreaterThanOrEqual(forward[homeAt(one, place)]);
      }),
    );
  });

  it('moves, when remote alone is raised, only to remote', () => {
    fc.assert(
      fc.property(weights, bucket, fc.nat(ALL), (one, place, more) => {
        const fromLegacy = Math.min(more, one.legacy);
        const raised = { remote: one.remote + fromLegacy, local: one.local, legacy: one.legacy - fromLegacy };
        const [before, after] = [homeAt(one, place), homeAt(raised, place)];
        // Local keeps its width but slides towards the end of the line: from legacy to local is forward, too.
        expect(forward[after]).toBeGreaterThanOrEqual(forward[before]);
      }),
    );
  });
});

describe('calls that never go to legacy', () => {
  it('share the line in the proportion of the new homes, to one bucket', () => {
    fc.assert(
      fc.property(weights, (share) => {
        const both = share.remote + share.local;
        fc.pre(both > 0);
        let remote = 0;
        for (let place = 0; place < ALL; place++) if (newHomeAt(share, place) === 'remote') remote++;
        expect(Math.abs(remote - (share.remote * ALL) / both)).toBeLessThan(1);
      }),
      { numRuns: 20 },
    );
  });

  it('stay here while neither has a share', () => {
    fc.assert(fc.property(bucket, (place) => newHomeAt({ remote: 0, local: 0, legacy: ALL }, place) === 'local'));
  });

  it('are where clients’ requests of the same user are, unless those are at legacy', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: ALL }), bucket, (remote, place) => {
        const share = { remote, local: ALL - remote, legacy: 0 };
        expect(newHomeAt(share, place)).toBe(homeAt(share, place));
      }),
    );
  });
});

describe('routes', () => {
  it('say local of a domain that nobody speaks of', () => {
    expect(new Routes().newHome('relay', 'anybody')).toBe('local');
  });

  it('are replaced as a whole', () => {
    const routes = new Routes({ relay: { remote: ALL, local: 0, legacy: 0 }, user: { remote: 0, local: 0, legacy: ALL } });
    expect([routes.newHome('relay', 'a'), routes.newHome('user', 'a')]).toEqual(['remote', 'local']);
    routes.replace({ user: { remote: ALL / 2, local: ALL / 2, legacy: 0 } });
    expect(routes.newHome('relay', 'a')).toBe('local');
    const homes = new Set(Array.from({ length: 50 }, (_, i) => routes.newHome('user', `${i}`)));
    expect(homes).toEqual(new Set(['remote', 'local']));
  });
});
