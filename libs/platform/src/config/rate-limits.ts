import { reader, readList } from './readers';

/** At most `count` calls in `windowMs`. */
export interface RateLimit {
  readonly count: number;
  readonly windowMs: number;
}

/** Per address, per signed-in user, and for the two operations that guessing aims at, per address. */
export type RateLimits = Readonly<Record<'address' | 'user' | 'login' | 'register', RateLimit>>;

/** The frontend's own bursts (a page load, a conversation with images) stay well below these from one address. */
export const usualRateLimits = 'address=600/10s user=300/10s login=20/1m register=30/1m';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000 };

function readLimit(text: string): [keyof RateLimits, RateLimit] | undefined {
  const [, name, count, length, unit] = /^(address|user|login|register)=([1-9]\d{0,8})\/([1-9]\d{0,3})([smh])$/.exec(text) ?? [];
  if (name === undefined) return undefined;
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
