import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import {
  type Actor,
  type CallContext,
  command,
  contract,
  domainError,
  Internal,
  type Operation,
  query,
  type Repeatable,
} from '../contract';
import { Metrics } from '../telemetry/metrics';
import type { Carrier } from './carrier';
import { makeClient } from './client';
import { asSystem, currentContext, inContext } from './context';
import { Dispatcher } from './dispatcher';
import { NobodyLeft, type NotServed, toAnswer } from './outcome';
import { ALL, Routes } from './routes';

const Refused = domainError('work.refused', { status: 409, detail: 'Refused' });
const doing = (repeatable: Repeatable, timeoutMs = 10_000) =>
  command({ summary: 'Do.', access: 'public', repeatable, input: z.object({}), output: z.unknown(), errors: [Refused], timeoutMs });

const work = contract('work', {
  ask: query({ summary: 'Ask.', access: 'public', input: z.object({}), output: z.unknown(), timeoutMs: 10_000 }),
  yes: doing('yes'),
  byKey: doing('by-key'),
  no: doing('no'),
  slow: doing('no', 50),
  slowYes: doing('yes', 50),
});
const { ask, yes, byKey, no, slow, slowYes } = work.operations;

function notServed(executed: 'no' | 'maybe'): NotServed {
  return Object.assign(new Error(`executed: ${executed}`), { executed });
}

/** A carrier that does what a test says, and remembers what it was asked. */
class Scripted implements Carrier {
  readonly name = 'scripted';
  readonly calls: { operation: Operation; input: unknown; context: CallContext<Actor> }[] = [];

  constructor(private readonly script: (attempt: number, operation: Operation) => Promise<unknown>) {}

  call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    this.calls.push({ operation, input, context });
    return this.script(this.calls.length, operation);
  }
}

const user: Actor = { kind: 'user', userId: 'ada', role: 'user' };
const edge = { actor: user, key: 'k' };
const dispatcherOf = (
  local: Carrier,
  { remote, hasCopy = true, routes = new Routes() }: { remote?: Carrier; hasCopy?: boolean; routes?: Routes } = {},
) => new Dispatcher(routes, { local, remote: remote && { to: () => remote }, serves: () => hasCopy }, new Metrics());

describe('an attempt that failed', () => {
  it.each([
    ['surely had no effect', 'no', [ask, yes, byKey, no]],
    ['perhaps had one', 'maybe', [ask, yes, byKey]],
  ] as const)('and %s is made again, under the same key, where that does no harm', async (_what, executed, operations) => {
    for (const operation of operations) {
      const carrier = new Scripted(async (attempt) => {
        if (attempt < 3) throw notServed(executed);
        return 'done';
      });
      await expect(dispatcherOf(carrier).callFromEdge(operation, { a: 1 }, edge)).resolves.toBe('done');
      expect(carrier.calls.map(({ context, input }) => [context.key, input])).toEqual(Array(3).fill(['k', { a: 1 }]));
    }
  });

  it('and perhaps had an effect that must not be had twice is not made again: 504', async () => {
    const carrier = new Scripted(async () => Promise.reject(notServed('maybe')));
    await expect(dispatcherOf(carrier).callFromEdge(no, {}, edge)).rejects.toMatchObject({ code: 'deadline_exceeded', status: 504 });
    expect(carrier.calls).toHaveLength(1);
  });

  it('is not made for ever: 503 after the third, which keeps the cause for the log', async () => {
    const cause = notServed('no');
    const carrier = new Scripted(async () => Promise.reject(cause));
    await expect(dispatcherOf(carrier).callFromEdge(ask, {}, edge)).rejects.toMatchObject({
      code: 'unavailable',
      retryAfterSeconds: 1,
      cause,
    });
    expect(carrier.calls).toHaveLength(3);
  });

  it('with a declared error is answered, and so is a fault of the program', async () => {
    for (const error of [Refused(), Internal(), new TypeError('a fault')]) {
      const carrier = new Scripted(async () => Promise.reject(error));
      await expect(dispatcherOf(carrier).callFromEdge(yes, {}, edge)).rejects.toBe(error);
      expect(carrier.calls).toHaveLength(1);
    }
  });
});

describe('time', () => {
  const never = () => new Scripted(() => new Promise(() => undefined));

  it('limits one attempt: 504, once, for what must not be repeated', async () => {
    const carrier = never();
    await expect(dispatcherOf(carrier).callFromEdge(slow, {}, edge)).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(carrier.calls).toHaveLength(1);
  });

  it('that ran out is tried again for what may be repeated, within the deadline of the request', async () => {
    const carrier = new Scripted((attempt) => (attempt === 1 ? new Promise(() => undefined) : Promise.resolve('late')));
    const dispatcher = dispatcherOf(carrier);
    await expect(asSystem('test', { key: 'k', timeoutMs: 60_000 }, () => dispatcher.call(slowYes, {}))).resolves.toBe('late');
    const [first, second] = carrier.calls;
    expect(second!.context.deadline).toBeGreaterThan(first!.context.deadline);
  });

  it('of a request is twice its operation’s and 500 ms, of an attempt no more than the operation’s', async () => {
    const carrier = new Scripted(async () => currentContext());
    const before = Date.now();
    await dispatcherOf(carrier).callFromEdge(no, {}, edge);
    const { deadline } = carrier.calls[0]!.context;
    expect(deadline).toBeGreaterThanOrEqual(before + no.timeoutMs);
    expect(deadline).toBeLessThanOrEqual(Date.now() + no.timeoutMs);
  });

  it('of a nested call is at most half of what remains', async () => {
    const carrier = new Scripted(async () => 'ok');
    const deadline = Date.now() + 600;
    const parent = { ...edge, deadline, depth: 0, trace: { traceId: 't', spanId: 's', sampled: true } };
    await inContext(parent, () => dispatcherOf(carrier).call(ask, {}));
    const { context } = carrier.calls[0]!;
    expect(context.deadline).toBeLessThanOrEqual(deadline - (deadline - Date.now()) / 2 + 1);
    expect(context.deadline).toBeLessThan(deadline);
  });

  it('of a nested call suffices for a second attempt when the first gave no answer', async () => {
    const carrier = new Scripted((attempt) => (attempt === 1 ? new Promise(() => undefined) : Promise.resolve('second')));
    const parent = { ...edge, deadline: Date.now() + 2_000, depth: 0, trace: { traceId: 't', spanId: 's', sampled: true } };
    await expect(inContext(parent, () => dispatcherOf(carrier).call(ask, {}))).resolves.toBe('second');
  });

  it('that is over is not used for another attempt', async () => {
    const carrier = new Scripted(async () => Promise.reject(notServed('no')));
    const parent = { ...edge, deadline: Date.now() + 100, depth: 0, trace: { traceId: 't', spanId: 's', sampled: true } };
    await expect(inContext(parent, () => dispatcherOf(carrier).call(ask, {}))).rejects.toMatchObject({ code: 'unavailable' });
    expect(carrier.calls).toHaveLength(1); // 100 ms are less than two pauses
  });
});

describe('a call inside a call', () => {
  it('goes on with who calls, the trace and a key that a repeat would have again', async () => {
    const carrier = new Scripted(async () => 'inner');
    const dispatcher = dispatcherOf(carrier);
    const trace = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), sampled: true };
    const parent = { actor: user, key: 'k', deadline: Date.now() + 5_000, depth: 3, trace, address: '192.0.2.1' };
    await inContext(parent, () => dispatcher.call(byKey, {}));
    await inContext(parent, () => makeClient(work, dispatcher).byKey({}));
    await inContext(parent, () => makeClient(work, dispatcher).byKey({}, { key: 'its own' }));
    const seen = carrier.calls.map(({ context }) => context);
    expect(seen.map(({ key }) => key)).toEqual(['k/work.byKey', 'k/work.byKey', 'its own']);
    for (const context of seen) {
      expect(context).toMatchObject({ actor: user, depth: 4, address: '192.0.2.1', trace: { traceId: trace.traceId, sampled: true } });
      expect(context.trace.spanId).not.toBe(trace.spanId);
    }
  });

  it('ends when it is the ninth: a circle of calls is an error, not an outage', async () => {
    let depth = -1;
    const circle: Scripted = new Scripted(async () => {
      const { context } = circle.calls.at(-1)!;
      depth = context.depth;
      return inContext(context, () => dispatcher.call(ask, {}));
    });
    const dispatcher = dispatcherOf(circle);
    await expect(dispatcher.callFromEdge(ask, {}, edge)).rejects.toMatchObject({ code: 'call_too_deep', status: 508 });
    expect(depth).toBe(8);
  });

  describe('that was not served', () => {
    /** Each of `outer`'s handlers asks `ask`; what that meets is up to the test. */
    function nested(inner: (attempt: number) => Promise<unknown>) {
      let asked = 0;
      const carrier: Scripted = new Scripted(async (_attempt, operation) => {
        if (operation === ask) return inner(++asked);
        return inContext(carrier.calls.at(-1)!.context, () => dispatcher.call(ask, {}));
      });
      const dispatcher = dispatcherOf(carrier);
      return { dispatcher, outer: () => carrier.calls.filter(({ operation }) => operation !== ask) };
    }

    it('is made again as a whole, under the same key, where the request came in', async () => {
      for (const operation of [yes, byKey]) {
        const { dispatcher, outer } = nested(async (asked) => (asked <= 3 ? Promise.reject(notServed('maybe')) : 'done'));
        await expect(dispatcher.callFromEdge(operation, {}, edge)).resolves.toBe('done');
        expect(outer().map(({ context }) => context.key)).toEqual(['k', 'k']);
      }
    });

    it('is not made again as a whole if that may not be executed twice, nor anywhere else than where it came in', async () => {
      const failing = async () => Promise.reject(notServed('no'));
      const once = nested(failing);
      await expect(once.dispatcher.callFromEdge(no, {}, edge)).rejects.toMatchObject({ code: 'unavailable' });
      expect(once.outer()).toHaveLength(1);
      const deep = nested(failing);
      const parent = { ...edge, deadline: Date.now() + 20_000, depth: 1, trace: { traceId: 't', spanId: 's', sampled: true } };
      await expect(inContext(parent, () => deep.dispatcher.call(yes, {}))).rejects.toMatchObject({ code: 'unavailable' });
      expect(deep.outer()).toHaveLength(1);
    });
  });

  it('without an outer one is a mistake of the program; a timer says who it is', async () => {
    const carrier = new Scripted(async () => 'ok');
    expect(() => dispatcherOf(carrier).call(ask, {})).toThrow('work.ask: called outside of any context');
    await asSystem('sweeper', { key: 'today' }, () => dispatcherOf(carrier).call(ask, {}));
    expect(carrier.calls[0]!.context).toMatchObject({ actor: { kind: 'system', name: 'sweeper' }, key: 'today/work.ask', depth: 1 });
  });
});

describe('where a call runs', () => {
  it('is said by the routes, for each user anew', async () => {
    const [here, there] = [new Scripted(async () => 'here'), new Scripted(async () => 'there')];
    const routes = new Routes({ work: { remote: ALL, local: 0, legacy: 0 } });
    const dispatcher = dispatcherOf(here, { remote: there, routes });
    await expect(dispatcher.callFromEdge(ask, {}, edge)).resolves.toBe('there');
    routes.replace({ work: { remote: 0, local: ALL, legacy: 0 } });
    await expect(dispatcher.callFromEdge(ask, {}, edge)).resolves.toBe('here');
    routes.replace({ work: { remote: ALL / 2, local: ALL / 2, legacy: 0 } });
    const places = new Map<string, unknown>();
    for (const userId of ['ada', 'ben', 'cleo', 'dora', 'emil', 'fay', 'gus', 'hal']) {
      const actor: Actor = { kind: 'user', userId, role: 'user' };
      const ways = [
        await dispatcher.callFromEdge(ask, {}, { actor, key: 'a' }),
        await dispatcher.callFromEdge(yes, {}, { actor, key: 'b' }),
      ];
      expect(ways[0]).toBe(ways[1]); // a user stays where he is
      places.set(userId, ways[0]);
    }
    expect(new Set(places.values())).toEqual(new Set(['here', 'there']));
  });

  it('and nothing is there: 503, and nothing was executed', async () => {
    const routes = new Routes({ work: { remote: ALL, local: 0, legacy: 0 } });
    const here = new Scripted(async () => 'here');
    await expect(dispatcherOf(here, { routes, hasCopy: false }).callFromEdge(no, {}, edge)).rejects.toMatchObject({ code: 'unavailable' });
    expect(here.calls).toEqual([]);
  });
});

describe('a call to other processes', () => {
  const routes = new Routes({ work: { remote: ALL, local: 0, legacy: 0 } });

  /** Instances by name, each with what it does; asked in order, as a carrier would ask them at random. */
  function instances(scripts: Readonly<Record<string, () => Promise<unknown>>>): { carrier: Carrier; asked: string[] } {
    const asked: string[] = [];
    const carrier: Carrier = {
      name: 'scripted',
      call: async (operation, _input, _context, attempt) => {
        const name = Object.keys(scripts).find((instance) => !attempt!.tried.has(instance));
        if (name === undefined) throw new NobodyLeft(operation.name);
        attempt!.tried.add(name);
        asked.push(name);
        return scripts[name]!();
      },
    };
    return { carrier, asked };
  }

  const refuses = async () => Promise.reject(notServed('no'));
  const loses = async () => Promise.reject(notServed('maybe'));
  const answers = async () => 'there';
  const here = () => new Scripted(async () => 'here');

  it('that was surely not executed goes to the next instance, and then to the copy of this process, whatever the operation', async () => {
    for (const operation of [ask, yes, byKey, no]) {
      const next = instances({ a: refuses, b: answers });
      await expect(dispatcherOf(here(), { remote: next.carrier, routes }).callFromEdge(operation, {}, edge)).resolves.toBe('there');
      expect(next.asked).toEqual(['a', 'b']);
      const none = instances({ a: refuses, b: refuses });
      await expect(dispatcherOf(here(), { remote: none.carrier, routes }).callFromEdge(operation, {}, edge)).resolves.toBe('here');
      expect(none.asked).toEqual(['a', 'b']);
    }
  });

  it('that perhaps was executed goes on only where a second execution does no harm', async () => {
    for (const operation of [ask, yes, byKey]) {
      const { carrier, asked } = instances({ a: loses, b: answers });
      await expect(dispatcherOf(here(), { remote: carrier, routes }).callFromEdge(operation, {}, edge)).resolves.toBe('there');
      expect(asked).toEqual(['a', 'b']);
    }
    const { carrier, asked } = instances({ a: loses, b: answers });
    const copy = here();
    await expect(dispatcherOf(copy, { remote: carrier, routes }).callFromEdge(no, {}, edge)).rejects.toMatchObject({ status: 504 });
    expect([asked, copy.calls]).toEqual([['a'], []]);
  });

  it('stays perhaps executed when all others surely refuse: 504 for a command', async () => {
    const { carrier } = instances({ a: loses, b: refuses });
    const copy = new Scripted(refuses);
    await expect(dispatcherOf(copy, { remote: carrier, routes }).callFromEdge(byKey, {}, edge)).rejects.toMatchObject({ status: 504 });
  });

  it('that got a declared error has its answer', async () => {
    const { carrier, asked } = instances({ a: async () => Promise.reject(Refused()), b: answers });
    await expect(dispatcherOf(here(), { remote: carrier, routes }).callFromEdge(yes, {}, edge)).rejects.toMatchObject({
      code: 'work.refused',
    });
    expect(asked).toEqual(['a']);
  });

  it('from a process without a copy goes to a host, also when the home is local; workers are not asked then', async () => {
    const [workers, hosts] = [instances({ w: refuses }), instances({ h: async () => 'host' })];
    const remote = { to: (kind: 'worker' | 'host') => (kind === 'worker' ? workers.carrier : hosts.carrier) };
    const copy = here();
    const of = (given: Routes) => new Dispatcher(given, { local: copy, remote, serves: () => false }, new Metrics());
    await expect(of(routes).callFromEdge(no, {}, edge)).resolves.toBe('host');
    expect(workers.asked).toEqual(['w']);
    await expect(of(new Routes()).callFromEdge(no, {}, edge)).resolves.toBe('host');
    expect(workers.asked).toEqual(['w']);
    expect(copy.calls).toEqual([]);
  });

  it('of a domain that is wholly at legacy: whoever has it, since the route says nothing about new code', async () => {
    const [workers, hosts] = [instances({ w: async () => 'worker' }), instances({ h: async () => 'host' })];
    const none = instances({});
    const of = (host: { carrier: Carrier }, weights: { remote: number; local: number; legacy: number }) => {
      const remote = { to: (kind: 'worker' | 'host') => (kind === 'worker' ? workers : host).carrier };
      return new Dispatcher(new Routes({ work: weights }), { local: here(), remote, serves: () => false }, new Metrics());
    };
    const atLegacy = { remote: 0, local: 0, legacy: ALL };
    await expect(of(hosts, atLegacy).callFromEdge(no, {}, edge)).resolves.toBe('host');
    await expect(of(none, atLegacy).callFromEdge(no, {}, edge)).resolves.toBe('worker');
    await expect(of(none, { remote: 0, local: 1, legacy: ALL - 1 }).callFromEdge(no, {}, edge)).rejects.toMatchObject({ status: 503 });
  });

  it('waits a little for an instance when there is none', async () => {
    let round = 0;
    const carrier: Carrier = {
      name: 'scripted',
      call: async ({ name }) => {
        if (++round < 3) throw new NobodyLeft(name);
        return 'restarted';
      },
    };
    const dispatcher = dispatcherOf(here(), { remote: carrier, hasCopy: false, routes });
    await expect(dispatcher.callFromEdge(no, {}, edge)).resolves.toBe('restarted');
  });
});

it('contexts of calls that run at the same time do not mix', async () => {
  const carrier: Carrier = {
    name: 'here',
    call: async (_operation, _input, context) =>
      inContext(context, async () => {
        await pause(1);
        return (currentContext()!.actor as { userId: string }).userId;
      }),
  };
  const dispatcher = dispatcherOf(carrier);
  const names = Array.from({ length: 20 }, (_, i) => `user-${i}`);
  const answers = await Promise.all(
    names.map((userId) => dispatcher.callFromEdge(ask, {}, { actor: { kind: 'user', userId, role: 'user' }, key: 'k' })),
  );
  expect(answers).toEqual(names);
});

it('what a caller hears when no attempt gave an answer', () => {
  expect(toAnswer(ask, 'no')).toMatchObject({ status: 503 });
  expect(toAnswer(ask, 'maybe')).toMatchObject({ status: 503 });
  expect(toAnswer(no, 'no')).toMatchObject({ status: 503 });
  expect(toAnswer(no, 'maybe')).toMatchObject({ status: 504 });
  expect(toAnswer(yes, 'maybe')).toMatchObject({ status: 504 });
});
