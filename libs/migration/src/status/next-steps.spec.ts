import { tableSets } from '@banyan/domains';
import type { DataHome } from '@banyan/platform/host/data-home.store';
import type { DomainRoute } from '../routes/contract';
import { nextSteps, type Situation } from './next-steps';

const idle = { percent: 0, instances: 0, requests: 0, errors: 0, p95_ms: null };

/** @param share per cent on new code */
function route(domain: string, share: number, { requests = 100, errors = 0, legacyErrors = 0 } = {}): DomainRoute {
  const local = { ...idle, percent: share, requests, errors };
  const legacy = { ...idle, percent: 100 - share, instances: null, requests: 100, errors: legacyErrors };
  return { domain, homes: { remote: idle, local, legacy }, last_change: null };
}

const homesAre = (home: DataHome) => new Map(tableSets.map((name) => [name, home]));

/** Ready to begin; a test changes what it is about. */
const ready: Situation = {
  live: 1,
  hasMonolith: true,
  hasLegacyDatabase: true,
  prepared: 'yes',
  homes: homesAre('legacy'),
  routes: ['auth', 'user', 'message', 'group', 'media', 'relay', 'websocket'].map((domain) => route(domain, 0)),
  adoption: 'fed',
};
const withRelay = (relay: DomainRoute): Situation => ({
  ...ready,
  routes: ready.routes.map((found) => (found.domain === 'relay' ? relay : found)),
});

it.each<[string, Partial<Situation>, RegExp]>([
  ['nobody runs', { live: 0 }, /^Start a host/],
  ['its database is not named', { hasLegacyDatabase: false }, /^Set LEGACY_DATABASE_URL/],
  ['its database does not answer', { prepared: undefined }, /^Make the legacy database answer/],
  ['it is not prepared', { prepared: 'no' }, /banyan legacy prepare\.$/],
  ['nobody has said where data is', { homes: homesAre('none') }, /identity, social, messaging, groups, media: banyan data --legacy\.$/],
  ['a part of it is said', { homes: new Map([...homesAre('legacy'), ['social', 'none']]) }, /of social: banyan data social --legacy\.$/],
  ['all is ready', {}, /^Begin with relay: banyan route relay --local 1%\.$/],
])('when %s', (_what, change, sentence) => {
  expect(nextSteps({ ...ready, ...change })).toEqual([expect.stringMatching(sentence)]);
});

it('a canary goes on when it is well, back when it fails, and waits while nothing can be said', () => {
  expect(nextSteps(withRelay(route('relay', 1)))).toEqual([expect.stringMatching(/well .*: banyan route relay --local 10%\.$/)]);
  expect(nextSteps(withRelay(route('relay', 50)))).toEqual([expect.stringMatching(/--local 100%\.$/)]);
  expect(nextSteps(withRelay(route('relay', 10, { errors: 2 })))).toEqual([
    expect.stringMatching(/2 of 100 requests failed .*banyan route relay --legacy 100%/),
  ]);
  expect(nextSteps(withRelay(route('relay', 10, { errors: 2, legacyErrors: 2 })))).toEqual([expect.stringMatching(/--local 50%/)]);
  expect(nextSteps(withRelay(route('relay', 10, { requests: 0 })))).toEqual([expect.stringMatching(/wait until something can be said/)]);
});

it('after relay comes auth, and the monolith stays for its queue', () => {
  const steps = nextSteps({ ...withRelay(route('relay', 100)), adoption: 'open' });
  expect(steps).toEqual([expect.stringMatching(/^Begin with auth/), expect.stringMatching(/^Keep the monolith running/)]);
});

it('sockets come last', () => {
  const routes = ready.routes.map(({ domain }) => route(domain, domain === 'websocket' ? 0 : 100));
  expect(nextSteps({ ...ready, routes, adoption: 'over' })).toEqual([expect.stringMatching(/^Begin with websocket/)]);
});

it('at the end, what the monolith is still there for', () => {
  const routes = ready.routes.map(({ domain }) => route(domain, 100));
  expect(nextSteps({ ...ready, routes, adoption: 'over' })).toEqual([
    expect.stringMatching(/^relay, auth, user, message, group, media, websocket are on new code\. .* serves every path/),
  ]);
});

it('without a monolith there is nothing to leave', () => {
  expect(nextSteps({ ...ready, hasMonolith: false })).toEqual([]);
});
