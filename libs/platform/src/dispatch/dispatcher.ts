import { setTimeout as pause } from 'node:timers/promises';
import { type Actor, type CallContext, CallTooDeep, type CallOptions, DomainError, type Operation, Unavailable } from '../contract';
import type { Metrics } from '../telemetry/metrics';
import { childOf, newTrace } from '../telemetry/trace';
import type { Carrier } from './carrier';
import { currentContext } from './context';
import { AttemptTimedOut, type Executed, executedBy, isNotServed, mayRepeat, toAnswer } from './outcome';
import type { Home, Routes } from './routes';

const MAX_DEPTH = 8;
/** Pauses before the second and third attempt: a restarted database is back by then, an absent one is not waited for. */
const PAUSES_MS = [100, 400];

/** The one place that decides where a call runs, how long it may take and whether it is tried again. */
export class Dispatcher {
  constructor(
    private readonly routes: Routes,
    private readonly carriers: { readonly local: Carrier; readonly remote?: Carrier },
    private readonly metrics: Metrics,
  ) {}

  /** A call from inside: another domain, an event handler, a timer. Goes on with the context it is made in. */
  call(operation: Operation, input: unknown, { key }: CallOptions = {}): Promise<unknown> {
    const parent = currentContext();
    if (!parent) throw new Error(`${operation.name}: called outside of any context; wrap the caller in asSystem()`);
    if (parent.depth >= MAX_DEPTH) return Promise.reject(CallTooDeep());
    return this.run(operation, input, {
      actor: parent.actor,
      key: key ?? `${parent.key}/${operation.name}`,
      // Half of what remains, so that the caller still has time for a second attempt or to answer in words.
      deadline: Date.now() + (parent.deadline - Date.now()) / 2,
      depth: parent.depth + 1,
      trace: childOf(parent.trace),
      address: parent.address,
    });
  }

  /** A call from outside: the edge. */
  callFromEdge(operation: Operation, input: unknown, { actor, key, trace = newTrace(), address }: EdgeCall): Promise<unknown> {
    return this.run(operation, input, { actor, key, trace, address, depth: 0, deadline: Date.now() + 2 * operation.timeoutMs + 500 });
  }

  private async run(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const home = this.homeOf(operation, context);
    const carrier = home === 'remote' ? this.carriers.remote : this.carriers.local;
    if (!carrier) throw Unavailable();
    let executed: Executed = 'no';
    for (let attempt = 0; ; attempt++) {
      const started = performance.now();
      try {
        const answer = await this.attempt(carrier, operation, input, context);
        this.metrics.observeCall(operation.name, home, 'ok', (performance.now() - started) / 1000);
        return answer;
      } catch (error) {
        const outcome = error instanceof DomainError ? error.code : isNotServed(error) ? 'not_served' : 'fault';
        this.metrics.observeCall(operation.name, home, outcome, (performance.now() - started) / 1000);
        const failed = executedBy(error);
        if (!failed) throw error;
        // Once it may have happened it stays so, whatever later attempts say.
        if (failed === 'maybe') executed = 'maybe';
        // A call inside that was not served has been tried again there.
        const pauseMs = isNotServed(error) && mayRepeat(operation, error) ? PAUSES_MS[attempt] : undefined;
        if (pauseMs === undefined || !hasTimeFor(context, pauseMs)) throw answerTo(operation, executed, error as Error);
        await pause(pauseMs);
      }
    }
  }

  private attempt(carrier: Carrier, operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const deadline = Math.min(context.deadline, Date.now() + operation.timeoutMs);
    return within(deadline, operation.name, carrier.call(operation, input, { ...context, deadline }));
  }

  private homeOf(operation: Operation, { actor, key }: CallContext<Actor>): Home {
    return this.routes.newHome(operation.domain, actor.kind === 'user' ? actor.userId : key);
  }
}

export interface EdgeCall {
  readonly actor: Actor;
  readonly key: string;
  readonly trace?: CallContext['trace'];
  readonly address?: string;
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
