import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { Traffic } from './traffic';

/** One value of a gauge. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A gauge whose source does not answer is left out of this reading; the others are not held up by it. */
const COLLECT_TIMEOUT_MS = 1_000;

const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10];

/**
 * The numbers of one process, for Prometheus: calls (rate, errors, duration), HTTP answers, gauges that others register, and
 * prom-client's own (memory, event loop lag). Labels must come from a small fixed set: operations, routes, codes; never ids.
 */
export class Metrics {
  /** The same calls as a rolling minute, which the processes show each other. */
  readonly traffic = new Traffic();
  private readonly registry = new Registry();
  private readonly calls = new Counter({
    name: 'banyan_calls_total',
    help: 'Attempts to run an operation, by where it ran and how it ended (ok, an error code, not_served, fault).',
    labelNames: ['operation', 'home', 'outcome'],
    registers: [this.registry],
  });
  private readonly durations = new Histogram({
    name: 'banyan_call_duration_seconds',
    help: 'How long attempts took.',
    labelNames: ['operation', 'home'],
    buckets: SECONDS,
    registers: [this.registry],
  });
  private readonly requests = new Counter({
    name: 'banyan_http_requests_total',
    help: 'Answers over HTTP, by route pattern.',
    labelNames: ['method', 'route', 'status'],
    registers: [this.registry],
  });
  // prom-client makes a new child for each `labels(…)`; finding a kept one costs a fraction of that.
  private readonly callCounters = new Children((operation, home, outcome) => this.calls.labels(operation, home, outcome));
  private readonly callDurations = new Children((operation, home) => this.durations.labels(operation, home));
  private readonly requestCounters = new Children((method, route, status) => this.requests.labels(method, route, status));

  constructor() {
    collectDefaultMetrics({ register: this.registry });
  }

  observeCall(operation: string, home: string, outcome: string, seconds: number): void {
    this.callCounters.of(operation, home, outcome).inc();
    this.callDurations.of(operation, home, '').observe(seconds);
    this.traffic.observe(operation, home, outcome, seconds);
  }

  /** A counter of its own; repeated calls with one name count on. */
  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const known = this.registry.getSingleMetric(name) as Counter | undefined;
    return known ?? new Counter({ name, help, labelNames: [...labelNames], registers: [this.registry] });
  }

  /** `route` is the pattern, never the path a client chose. */
  observeHttp(method: string, route: string, status: number): void {
    this.requestCounters.of(method, route, String(status)).inc();
  }

  /**
   * A gauge that is asked when it is read, for example `banyan_outbox_pending{domain}`, `banyan_outbox_age_seconds{domain}` or
   * `banyan_pool_connections{domain,state}`. What `collect` no longer names is gone; while it fails or takes more than a second,
   * the gauge has no values and counts in `banyan_gauge_failures_total`.
   */
  gauge(name: string, help: string, labelNames: readonly string[], collect: () => Promise<readonly Sample[]> | readonly Sample[]): void {
    const { failures } = this;
    new Gauge({
      name,
      help,
      labelNames: [...labelNames],
      registers: [this.registry],
      async collect() {
        this.reset();
        try {
          for (const { labels, value } of await within(COLLECT_TIMEOUT_MS, Promise.resolve().then(collect))) this.set(labels, value);
        } catch {
          failures.inc({ gauge: name });
        }
      },
    });
  }

  /** In Prometheus' text format; `contentType` belongs to it. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  private readonly failures = new Counter({
    name: 'banyan_gauge_failures_total',
    help: 'Gauges that could not be read.',
    labelNames: ['gauge'],
    registers: [this.registry],
  });
}

/** The children of a metric by their three label values. */
class Children<Child> {
  private readonly children = new Map<string, Map<string, Map<string, Child>>>();

  constructor(private readonly make: (a: string, b: string, c: string) => Child) {}

  of(a: string, b: string, c: string): Child {
    return this.children.get(a)?.get(b)?.get(c) ?? this.add(a, b, c);
  }

  private add(a: string, b: string, c: string): Child {
    const child = this.make(a, b, c);
    const below = this.children.get(a) ?? new Map<string, Map<string, Child>>();
    this.children.set(a, below.set(b, (below.get(b) ?? new Map<string, Child>()).set(c, child)));
    return child;
  }
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('too slow')), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
