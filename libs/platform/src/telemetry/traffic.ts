import { DeadlineExceeded, Internal, Unavailable, UnknownOperation } from '../contract';

/** What one process saw of one domain at one home in the last minute. Durations are counts by bucket, so that processes can be added up. */
export interface HomeTraffic {
  readonly requests: number;
  readonly errors: number;
  readonly durations: Readonly<Record<string, number>>;
}

/** By domain, then by home. JSON, and small: it travels with each heartbeat. */
export type TrafficReport = Readonly<Record<string, Readonly<Record<string, HomeTraffic>>>>;

export const WINDOW_SECONDS = 60;
const SLOTS = 12;
const SLOT_MS = (WINDOW_SECONDS * 1000) / SLOTS;

/** Buckets grow by a fifth, from 0.1 ms to minutes. */
const SMALLEST_MS = 0.1;
const GROWTH = 1.2;
const LAST_BUCKET = 80;

/** Outcomes that are the home's fault. A declared error is an answer like any other. */
const FAULTS = new Set(['not_served', 'fault', Internal.code, Unavailable.code, DeadlineExceeded.code, UnknownOperation.code]);

interface Cell {
  requests: number;
  errors: number;
  durations: Record<string, number>;
}
type Slot = Map<string, Map<string, Cell>>;

/** Requests, errors and durations per domain and home over a rolling minute: what an operator wants to see while moving a route. */
export class Traffic {
  private readonly slots: { at: number; cells: Slot }[] = [];

  /** @param now milliseconds of a clock that only goes forward */
  constructor(private readonly now: () => number = () => performance.now()) {}

  /** `outcome` is `ok`, an error's code, `not_served` or `fault`. */
  observe(operation: string, home: string, outcome: string, seconds: number): void {
    const domain = operation.slice(0, operation.indexOf('.'));
    const { cells } = this.currentSlot();
    const homes = cells.get(domain) ?? cells.set(domain, new Map<string, Cell>()).get(domain)!;
    const cell = homes.get(home) ?? homes.set(home, { requests: 0, errors: 0, durations: {} }).get(home)!;
    cell.requests++;
    if (FAULTS.has(outcome)) cell.errors++;
    const bucket = bucketOf(seconds * 1000);
    cell.durations[bucket] = (cell.durations[bucket] ?? 0) + 1;
  }

  report(): TrafficReport {
    this.forgetOld();
    return addUp(
      this.slots.map(({ cells }) => Object.fromEntries([...cells].map(([domain, homes]) => [domain, Object.fromEntries(homes)]))),
    );
  }

  private currentSlot(): { at: number; cells: Slot } {
    const at = Math.floor(this.now() / SLOT_MS);
    const last = this.slots.at(-1);
    if (last?.at === at) return last;
    this.forgetOld();
    const slot = { at, cells: new Map() as Slot };
    this.slots.push(slot);
    return slot;
  }

  private forgetOld(): void {
    const oldest = Math.floor(this.now() / SLOT_MS) - SLOTS;
    while (this.slots[0] && this.slots[0].at <= oldest) this.slots.shift();
  }
}

/** Several reports as one. */
export function addUp(reports: readonly TrafficReport[]): TrafficReport {
  const sum: Record<string, Record<string, Cell>> = {};
  for (const report of reports) {
    for (const [domain, homes] of Object.entries(report)) {
      for (const [home, { requests, errors, durations }] of Object.entries(homes)) {
        const cell = ((sum[domain] ??= {})[home] ??= { requests: 0, errors: 0, durations: {} });
        cell.requests += requests;
        cell.errors += errors;
        for (const [bucket, count] of Object.entries(durations)) cell.durations[bucket] = (cell.durations[bucket] ?? 0) + count;
      }
    }
  }
  return sum;
}

/** 95 of 100 requests took at most this many milliseconds (a bucket's upper end: up to a fifth too much); undefined without requests. */
export function p95({ durations }: HomeTraffic): number | undefined {
  const buckets = Object.entries(durations).sort(([a], [b]) => Number(a) - Number(b));
  const rank = 0.95 * buckets.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [bucket, count] of buckets) {
    seen += count;
    if (seen >= rank) return Number((SMALLEST_MS * GROWTH ** Number(bucket)).toPrecision(3));
  }
  return undefined;
}

function bucketOf(ms: number): number {
  return Math.min(LAST_BUCKET, Math.max(0, Math.ceil(Math.log(ms / SMALLEST_MS) / Math.log(GROWTH))));
}
