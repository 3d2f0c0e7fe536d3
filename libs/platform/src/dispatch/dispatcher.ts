import { setTimeout as pause } from 'node:timers/promises';
import { type Actor, type CallContext, CallTooDeep, type CallOptions, DomainError, type Operation } from '../contract';
import type { Metrics } from '../telemetry/metrics';
import { childOf, newTrace } from '../telemetry/trace';
import { ANSWER_GRACE_MS, type Attempt, type Carrier, type RemoteCarrier } from './carrier';
import { currentContext, MAX_DEPTH } from './context';
import { AttemptTimedOut, type Executed, executedBy, isNotServed, mayRepeat, NobodyLeft, toAnswer, Unserved } from './outcome';
import { ALL, type Routes } from './routes';

/** Pauses before the second and third round: a restarted database or worker is back by then, an absent one is not waited for. */
const PAUSES_MS = [100, 400];
/** Instances that are asked in one round before it goes on to the next place. */
const MAX_INSTANCES = 3;

/** Where an attempt can be made. `home` is what metrics call it. */
interface Place {
  readonly home: 'local' | 'remote' | 'host';
  readonly carrier: Carrier;
}

export interface Carriers {
  readonly local: Carrier;
  /** Absent where there is no broker: then every domain is here. */
  readonly remote?: RemoteCarrier;
  /** Has this process a copy of the domain? */
  readonly serves?: (domain: string) => boolean;
}

/** The one place that decides where a call runs, how long it may take and whether it is tried again. */
export class Dispatcher {
  private readonly here: Place;
  private readonly workers?: Place;
  private readonly hosts?: Place;
  private readonly serves: (domain: string) => boolean;

  constructor(
    private readonly routes: Routes,
    { local, remote, serves = () => true }: Carriers,
    private readonly metrics: Metrics,
  ) {
    this.here = { home: 'local', carrier: local };
    this.workers = remote && { home: 'remote', carrier: remote.to('worker') };
    this.hosts = remote && { home: 'host', carrier: remote.to('host') };
    this.serves = serves;
  }

  /** A call from inside: another domain, an event handler, a timer. Goes on with the context it is made in. */
  call(operation: Operation, input: unknown, { key }: CallOptions = {}): Promise<unknown> {
    const parent = currentContext();
    if (!parent) throw new Error(`${operation.name}: called outside of any context; wrap the caller in asSystem()`);
    if (parent.depth >= MAX_DEPTH) return Promise.reject(CallTooDeep());
    return this.run(operation, input, {
      actor: parent.actor,
      key: key ?? `${parent.key}/${operation.name}`,
      deadline: parent.deadline,
      depth: parent.depth + 1,
      trace: childOf(parent.trace),
      address: parent.address,
    });
  }

  /** A call from outside: the edge. */
  callFromEdge(operation: Operation, input: unknown, call: EdgeCall): Promise<unknown> {
    const { actor, key, trace = newTrace(), address, subject, signal } = call;
    const deadline = Date.now() + 2 * operation.timeoutMs + 500;
    return this.run(operation, input, { actor, key, trace, address, depth: 0, deadline }, { subject, signal });
  }

  /**
   * Rounds with pauses between them; in a round each place in turn, at a place one instance after the other. A failure that may have
   * had an effect ends it, unless a second execution does no harm.
   */
  private async run(
    operation: Operation,
    input: unknown,
    context: CallContext<Actor>,
    { subject, signal }: Pick<EdgeCall, 'subject' | 'signal'> = {},
  ): Promise<unknown> {
    const places = this.placesFor(operation, context, subject);
    let executed: Executed = 'no';
    let failure: Error | undefined; // made when it is needed: a stack trace is a good part of what a call costs
    let number = 0;
    for (let round = 0; ; round++) {
      for (const place of places) {
        const tried = new Set<string>();
        for (let asked = 0; asked < (place.home === 'local' ? 1 : MAX_INSTANCES); asked++) {
          try {
            return await this.attempt(place, operation, input, context, { number: ++number, tried, signal });
          } catch (error) {
            const failed = executedBy(error);
            if (!failed) throw error;
            if (error instanceof NobodyLeft) break;
            // Once it may have happened it stays so, whatever later attempts say.
            if (failed === 'maybe') executed = 'maybe';
            failure = error as Error;
            const isOver = signal?.aborted || context.deadline <= Date.now();
            if (isOver || !mayRepeat(operation, error, context)) throw answerTo(operation, executed, failure);
          }
        }
      }
      const pauseMs = PAUSES_MS[round];
      if (pauseMs === undefined || !hasTimeFor(context, pauseMs))
        throw answerTo(operation, executed, failure ?? new NobodyLeft(operation.name));
      await pause(pauseMs);
    }
  }

  private async attempt(
    { home, carrier }: Place,
    operation: Operation,
    input: unknown,
    context: CallContext<Actor>,
    attempt: Attempt,
  ): Promise<unknown> {
    const started = performance.now();
    const now = Date.now();
    const remaining = context.deadline - now;
    // Inside another call half of it, so that there is time for another attempt, and for the caller to answer in words.
    const deadline = now + Math.min(operation.timeoutMs, context.depth > 0 ? remaining / 2 : remaining);
    const seconds = () => (performance.now() - started) / 1000;
    try {
      if (remaining <= 0) throw new Unserved(operation.name, 'no', 'expired');
      if (attempt.signal?.aborted) throw new Unserved(operation.name, 'no', 'aborted');
      const { actor, key, depth, trace, address } = context;
      const call = carrier.call(operation, input, { actor, key, deadline, depth, trace, address }, attempt);
      // A carrier to other processes watches the clock itself, since those may be gone.
      const answer = await (home === 'local' ? within(deadline + ANSWER_GRACE_MS, operation.name, call) : call);
      this.metrics.observeCall(operation.name, home, 'ok', seconds());
      return answer;
    } catch (error) {
      if (error instanceof NobodyLeft) throw error; // nobody was asked
      const outcome = error instanceof DomainError ? error.code : isNotServed(error) ? 'not_served' : 'fault';
      this.metrics.observeCall(operation.name, home, outcome, seconds());
      throw error;
    }
  }

  /**
   * The home that the route gives, then what stands in for it. A process without the domain finds a local home at a host; workers
   * are no stand-in for that, since the route says that they shall not serve this; it does not while all of it is at legacy.
   */
  private placesFor(operation: Operation, context: CallContext<Actor>, subject: string | undefined): Place[] {
    const copy = this.serves(operation.domain) ? this.here : this.hosts;
    const home = this.homeFor(operation.domain, context, subject);
    const { legacy } = this.routes.weights(operation.domain);
    return [
      ...(home === 'remote' && this.workers ? [this.workers] : []),
      ...(copy ? [copy] : []),
      ...(legacy === ALL && this.workers ? [this.workers] : []),
    ];
  }

  /** What a client asks is divided as the weights say; whatever is left to the new code by a legacy share, as if there were none. */
  private homeFor(domain: string, { actor, key }: CallContext<Actor>, subject: string | undefined): 'remote' | 'local' {
    const home = subject === undefined ? 'legacy' : this.routes.home(domain, subject);
    return home === 'legacy' ? this.routes.newHome(domain, actor.kind === 'user' ? actor.userId : key) : home;
  }
}

export interface EdgeCall {
  readonly actor: Actor;
  readonly key: string;
  readonly trace?: CallContext['trace'];
  readonly address?: string;
  /** By what this client's requests stick to a home; without it the call is divided like one between domains. */
  readonly subject?: string;
  /** The client went away: what has not begun need not begin. */
  readonly signal?: AbortSignal;
}

function hasTimeFor(context: CallContext<Actor>, pauseMs: number): boolean {
  return context.deadline - Date.now() > 2 * pauseMs;
}

/** The answer with its reason for the log. */
function answerTo(operation: Operation, executed: Executed, failure: Error): DomainError {
  const answer = toAnswer(operation, executed);
  if (failure instanceof DomainError && failure.code === answer.code) return failure;
  answer.cause = failure instanceof DomainError ? failure.cause : failure;
  return answer;
}

/** The answer, or a timeout at `deadline`; what is still running then goes on without anybody listening. */
function within<T>(deadline: number, operation: string, answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new AttemptTimedOut(operation)), Math.max(0, deadline - Date.now()));
    answer.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}
