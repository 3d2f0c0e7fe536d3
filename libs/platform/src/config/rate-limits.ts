import { reader, readList } from './readers';

/** At most `count` calls in `windowMs`. */
export interface RateLimit {
  readonly count: number;
  readonly windowMs: number;
}

/**
 * Requests per address and per signed-in user. Per address, by whoever is not known there: sign-ins, registrations, mails asked for
 * (`mail`; also per account). Failed sign-ins, each counted for whom it slows down: one account from one place (`guess`), all accounts
 * from one place (`spray`). `siege` failures of strangers at one account say that it is under attack.
 */
const names = ['address', 'user', 'login', 'register', 'mail', 'guess', 'spray', 'siege'] as const;
export type RateLimits = Readonly<Record<(typeof names)[number], RateLimit>>;

/** The frontend's own bursts (a page load, a conversation with images) stay well below these from one address. */
export const usualRateLimits = 'address=600/10s user=300/10s login=20/1m register=30/1m mail=10/1h guess=10/15m spray=50/15m siege=100/1h';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 };

function readLimit(text: string): [keyof RateLimits, RateLimit] | undefined {
  const [, name, count, length, unit] = /^(\w+)=([1-9]\d{0,8})\/([1-9]\d{0,3})([smh])$/.exec(text) ?? [];
  if (!names.some((known) => known === name)) return undefined;
  return [name as keyof RateLimits, { count: Number(count), windowMs: Number(length) * unitMs[unit as keyof typeof unitMs] }];
}

function readLimits(text: string): Partial<RateLimits> | undefined {
  const named = readList(text, readLimit);
  return named && Object.fromEntries(named);
}

/** The limits that a text names, the usual ones for the others; `off` for none at all. */
export const rateLimits = reader(`\`off\`, or limits such as \`${usualRateLimits}\``, (text): RateLimits | 'off' | undefined => {
  if (text === 'off') return 'off';
  const named = readLimits(text);
  return named && { ...(readLimits(usualRateLimits) as RateLimits), ...named };
});
