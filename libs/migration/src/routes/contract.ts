import { domainNames } from '@banyan/domains';
import { Bool, command, contract, domainError, get, put, query, Text, Timestamp } from '@banyan/platform/contract';
import { z } from 'zod';
import { toHundred } from './shares';

/** The route is not what the caller saw; `current` has what it is. */
export const RouteMoved = domainError('route.moved', {
  status: 409,
  detail: 'Somebody else has moved this route meanwhile. Look at it again, or say `force`.',
});
/** `home` has a greater share than before, and nobody is there who understands the running processes. */
export const NobodyThere = domainError('route.nobody_there', {
  status: 409,
  detail: 'No live process serves this domain at that home with a matching contract. Start one, or say `force`.',
});
/** Neither `previous` nor `force`; `current` has what it is. */
export const PreviousMissing = domainError('route.previous_missing', {
  status: 428,
  detail: 'Say in `previous` what the route was when you looked, or say `force`.',
});
/** `force` does not help: the requests would fail. */
export const OutOfReach = domainError('route.out_of_reach', {
  status: 409,
  detail: 'The running configuration does not reach that home: remote needs AMQP_URL, legacy needs LEGACY_URL.',
});

/** `force` does not help: the monolith has nothing that could answer. */
export const NoCounterpart = domainError('route.no_counterpart', {
  status: 409,
  detail: 'The monolith has no counterpart of this domain: nothing of it can be at legacy.',
});

/** The monolith is given more, and it answers nobody, or not as the monolith does. */
export const LegacySilent = domainError('route.legacy_silent', {
  status: 409,
  detail: 'Nobody answers at LEGACY_URL as the monolith does. Start it, or say `force`.',
});
/** `force` does not help: whoever signed in on one side would be signed out on the other. */
export const SecretsDiffer = domainError('route.secrets_differ', {
  status: 409,
  detail: 'The monolith does not accept the tokens that are signed here: both sides need the same JWT_SECRET_KEY.',
});

/** `fact` says what is missing; `force` does not help: the monolith's users would not find their data. */
export const NoDataHome = domainError('route.no_data_home', {
  status: 409,
  detail:
    'The data that new code would work on has no prepared home. `banyan legacy check`, `banyan legacy prepare` and `banyan data` lead there.',
});

const Percent = z
  .number()
  .min(0)
  .max(100)
  .refine((value) => Math.abs(value * 100 - Math.round(value * 100)) < 1e-6, 'Input should have at most two decimals');
const SharesIn = z.object({ remote: Percent, local: Percent, legacy: Percent });
const SharesOut = z.object({ remote: z.number(), local: z.number(), legacy: z.number() });

/** The last minute of all processes together, as the callers saw it. `instances` is null for legacy, which nobody counts. */
const HomeFigures = z.object({
  percent: z.number(),
  instances: z.int().nullable(),
  requests: z.int(),
  errors: z.int(),
  p95_ms: z.number().nullable(),
});

export const DomainRoute = z.object({
  domain: z.string(),
  homes: z.object({ remote: HomeFigures, local: HomeFigures, legacy: HomeFigures }),
  /** Of the last change; null while the setting ROUTES is in force. */
  last_change: z.object({ version: z.int(), at: Timestamp, by: z.string(), reason: z.string(), previous: SharesOut }).nullable(),
});
export type DomainRoute = z.output<typeof DomainRoute>;

/** Every domain's route, with the figures of each home. */
export const listRoutes = query({
  summary: 'Where each domain is served, and how it does there: shares, instances, requests, errors and p95 of the last minute.',
  http: get('/admin/routes'),
  access: 'admin',
  input: z.object({}),
  output: z.object({ window_seconds: z.int(), routes: z.array(DomainRoute) }),
});

/**
 * Move a domain. Every process follows within a second; users move between homes only as far as the shares demand. `previous` is
 * what the caller saw, so that nobody undoes another's change unseen. A repeat finds the route there and changes nothing.
 */
export const changeRoute = command({
  summary: 'Move a domain between its homes. Shares are per cent; local takes what the others leave.',
  http: put('/admin/routes/{domain}'),
  access: 'admin',
  repeatable: 'yes',
  input: z
    .object({
      domain: z.enum(domainNames),
      remote: Percent.default(0),
      legacy: Percent.default(0),
      local: Percent.nullish(),
      reason: Text({ min: 1, max: 500 }),
      previous: SharesIn.nullish(),
      force: Bool.default(false),
    })
    .superRefine(({ remote, local, legacy }, ctx) => {
      const rest = toHundred(remote, legacy);
      if (rest < 0 || (local ?? rest) !== rest) {
        ctx.addIssue({ code: 'custom', path: ['local'], message: 'remote, local and legacy should add up to 100' });
      }
    }),
  output: z.object({
    domain: z.string(),
    changed: z.boolean(),
    before: SharesOut,
    after: SharesOut,
    /** Of the change; 0 if the route was never moved. */
    version: z.int(),
    /** What happens now, for people. */
    sentence: z.string(),
  }),
  errors: [RouteMoved, PreviousMissing, NobodyThere, OutOfReach, NoCounterpart, NoDataHome, LegacySilent, SecretsDiffer],
});

/** What operators do to a running system. Served by every process that has an edge, for itself. */
export const adminContract = contract('admin', { listRoutes, changeRoute });
