import { performance } from 'node:perf_hooks';

/** Microseconds since 1970. */
export function nowMicros(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

/** `2026-01-30T12:57:45.421392`, in UTC and without a zone; no fraction if there is none, as Python's `isoformat`. */
export function naive(micros: number): string {
  const fraction = micros % 1_000_000;
  const seconds = new Date((micros - fraction) / 1000).toISOString().slice(0, 19);
  return fraction === 0 ? seconds : `${seconds}.${String(fraction).padStart(6, '0')}`;
}

/** The same of now in UTC; with `+00:00` behind it a database takes it for an instant. */
export const naiveNow = (): string => naive(nowMicros());

export const withOffset = (micros: number): string => `${naive(micros)}+00:00`;

/** The server's own wall clock. */
export const localNow = (): string => naive(nowMicros() - new Date().getTimezoneOffset() * 60_000_000);

/** PostgreSQL's text of a `timestamp` in the form of `naive`. */
export function naiveFromDatabase(text: string): string {
  const [seconds, fraction] = text.replace(' ', 'T').split('.');
  return fraction === undefined ? seconds! : `${seconds}.${fraction.padEnd(6, '0')}`;
}
