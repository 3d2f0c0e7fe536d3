import { v7 as uuidv7 } from 'uuid';
import type { history, send } from '@banyan/group/contract';
import { type Actor, type CallContext, type Input, type Operation, type Output, Unavailable } from '@banyan/platform/contract';
import type { Carrier } from '@banyan/platform/dispatch/carrier';
import type { acknowledge } from '@banyan/relay/contract';
import { startTestServer } from '../support/banyan';
import { Deployment } from '../support/deployment';
import type { Violation } from './checker';
import { Load } from './load';
import { eventsSettled } from './settled';

jest.setTimeout(120_000);

type Call = (context?: CallContext<Actor>) => Promise<unknown>;
type Bug = (call: Call, input: unknown, context: CallContext<Actor>) => Promise<unknown>;

/** Every fifth request that needs one operation meets the bug there, however often it is tried; the rest of the server does not know. */
class Saboteur implements Carrier {
  readonly name = 'saboteur';
  private readonly seen: string[] = [];

  constructor(
    private readonly carrier: Carrier,
    private readonly operation: string,
    private readonly bug: Bug,
  ) {}

  call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const call: Call = (other = context) => this.carrier.call(operation, input, other);
    if (operation.name !== this.operation) return call();
    const { traceId } = context.trace;
    if (!this.seen.includes(traceId)) this.seen.push(traceId);
    return this.seen.indexOf(traceId) % 5 === 4 ? this.bug(call, input, context) : call();
  }
}

/** A load on a server with a bug. */
async function loadWith(operation: string, bug: Bug): Promise<{ load: Load; violations: Violation[] }> {
  const server = await startTestServer({ wrapCarrier: (carrier) => new Saboteur(carrier, operation, bug) });
  try {
    const load = await Load.prepare({ baseUrl: server.url, users: 10, conversations: 12, groups: 4, accounts: true, steps: 12 });
    load.start();
    return { load, violations: await load.finish(async () => undefined) }; // nothing has failed, so nothing is made good later
  } finally {
    await server.close();
  }
}

/** What says that it stored a message, and did not. */
function forgotten(planted: string[]) {
  const now = new Date().toISOString().replace('Z', '000Z');
  const message_id = uuidv7();
  planted.push(message_id);
  return { message_id, position: 1, created_at: now, expires_at: now };
}

/** As comparable lines: the fault and the key of the send it happened to. */
const told = (violations: readonly Violation[]) => violations.map(({ fault, key }) => `${fault} ${key}`).sort();
const all = (fault: string, keys: Iterable<string>) => [...new Set(keys)].map((key) => `${fault} ${key}`).sort();
/** A send's own key, out of that of a call made for it. */
const keyOf = ({ key }: CallContext<Actor>) => key.split('/')[0]!;

describe('the history checker, on a real server with a planted bug, reports that bug and nothing else', () => {
  it('a message that is answered and not stored', async () => {
    const planted: string[] = [];
    const { load, violations } = await loadWith('message.accept', async () => forgotten(planted));
    const lost = acceptedKeys(load, (id) => planted.includes(id));
    expect(lost.length).toBeGreaterThan(5);
    expect([load.toString(), told(violations)]).toEqual([load.toString(), all('lost', lost)]);
  });

  it('a message that is stored once more when it is tried again', async () => {
    const planted: string[] = [];
    const { load, violations } = await loadWith('message.accept', async (call, _input, context) => {
      await call({ ...context, key: `${context.key}/forgotten` }); // its answer was lost, let us say
      const answer = await call();
      planted.push(keyOf(context));
      return answer;
    });
    expect(planted.length).toBeGreaterThan(5);
    expect([load.toString(), told(violations)]).toEqual([load.toString(), all('doubled', planted)]);
  });

  it('a message to a group that is answered and not stored', async () => {
    const planted: string[] = [];
    const { load, violations } = await loadWith('group.send', async (_call, input) => {
      const { group_id, encrypted_content } = input as Input<typeof send>;
      const message_id = uuidv7();
      planted.push(message_id);
      const created_at = forgotten([]).created_at;
      return { message_id, group_id, sender_id: message_id, encrypted_content, encrypted_session_keys: {}, created_at };
    });
    const lost = acceptedKeys(load, (id) => planted.includes(id));
    expect(lost.length).toBeGreaterThan(0);
    expect([load.toString(), told(violations)]).toEqual([load.toString(), all('lost', lost)]);
  });

  it('a message to a group that is stored once more when it is tried again', async () => {
    const planted: string[] = [];
    const { load, violations } = await loadWith('group.send', async (call, _input, context) => {
      await call({ ...context, key: `${context.key}/forgotten` });
      const answer = await call();
      planted.push(keyOf(context));
      return answer;
    });
    expect(planted.length).toBeGreaterThan(0);
    expect([load.toString(), told(violations)]).toEqual([load.toString(), all('doubled', planted)]);
  });

  it('a message to a group that a member does not get to see', async () => {
    const hidden: string[] = [];
    const { load, violations } = await loadWith('group.history', async (call) => {
      const answer = (await call()) as Output<typeof history>;
      hidden.push(...answer.messages.slice(-1).map(({ content }) => content));
      return { ...answer, messages: answer.messages.slice(0, -1) };
    });
    // What was hidden while it was being written, nobody can miss.
    expect(violations.length).toBeGreaterThan(0);
    const others = told(violations).filter((line) => !all('lost', hidden).includes(line));
    expect([load.toString(), others]).toEqual([load.toString(), []]);
  });

  it('a message that is delivered after its acknowledgement', async () => {
    const planted: string[] = [];
    const { load, violations } = await loadWith('relay.acknowledge', async (_call, input) => {
      const { message_id } = input as Input<typeof acknowledge>;
      planted.push(message_id);
      return { success: true, message_id, status: 'deleted' };
    });
    // What was told first and done later, when it was acknowledged again, nobody can see.
    const seen = planted.filter((id) => wasDeliveredAfter(load, id));
    expect(seen.length).toBeGreaterThan(0);
    expect([load.toString(), told(violations)]).toEqual([
      load.toString(),
      all(
        'redelivered',
        seen.map((id) => keyOfMessage(load, id)),
      ),
    ]);
  });

  it('a message that was stored although its sender was told that nothing had happened', async () => {
    const planted: string[] = [];
    const { load, violations } = await loadWith('message.accept', async (call, _input, context) => {
      planted.push(keyOf(context));
      await call();
      throw Unavailable();
    });
    // Repeated under its key it is answered rightly; only those that were given up are wrong.
    const accepted = acceptedKeys(load);
    const givenUp = planted.filter((key) => !accepted.includes(key));
    expect(givenUp.length).toBeGreaterThan(0);
    expect([load.toString(), told(violations)]).toEqual([load.toString(), all('refused', givenUp)]);
  });
});

/** Forgets the first message that is accepted here after each flip. */
class FlipLoser implements Carrier {
  readonly name = 'flip loser';
  readonly planted: string[] = [];
  private isArmed = false;

  constructor(private readonly carrier: Carrier) {}

  onFlip(): void {
    this.isArmed = true;
  }

  async call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    if (operation.name !== 'message.accept' || !this.isArmed) return this.carrier.call(operation, input, context);
    this.isArmed = false;
    return forgotten(this.planted);
  }
}

describe('the history checker, on a host and a worker with a planted bug', () => {
  it('reports the messages that are lost in flips, and nothing else', async () => {
    let loser!: FlipLoser;
    const deployment = await Deployment.start({ hosts: 0, workers: { message: 1 } });
    const host = await startTestServer({
      environment: deployment.environment,
      wrapCarrier: (carrier) => (loser = new FlipLoser(carrier)),
    });
    try {
      const load = await Load.prepare({ baseUrl: host.url, users: 10, conversations: 12, steps: Infinity, pauseMs: 50 });
      load.start();
      for (let flip = 0; flip < 12; flip++) {
        await load.further(25);
        await deployment.route('message', { remote: flip % 2 });
        if (flip % 2 === 0) loser.onFlip(); // back from the worker
      }
      await load.further(25);
      load.stop();
      const violations = await load.finish(() => eventsSettled((name) => deployment.databaseUrl(name)));
      const lost = acceptedKeys(load, (id) => loser.planted.includes(id));
      expect(lost.length).toBeGreaterThan(3);
      expect([load.toString(), told(violations)]).toEqual([load.toString(), all('lost', lost)]);
    } finally {
      await host.stop();
      await deployment.remove();
      await host.close();
    }
  });
});

/** The keys of the sends that were accepted as a message whose id is one of these. */
function acceptedKeys({ history }: Load, isOne: (id: string) => boolean = () => true): string[] {
  return history.steps.flatMap(({ asked, answer }) =>
    (asked.ask === 'send' || asked.ask === 'post') && answer.told === 'accepted' && isOne(answer.id) ? [asked.key] : [],
  );
}

function keyOfMessage({ history }: Load, id: string): string {
  for (const { answer } of history.steps) {
    const seen = answer.told === 'messages' ? answer.messages.find((message) => message.id === id) : undefined;
    if (seen) return seen.content;
  }
  throw new Error(`nobody saw ${id}`);
}

function wasDeliveredAfter({ history }: Load, id: string): boolean {
  const told = history.steps.find(({ asked }) => asked.ask === 'acknowledge' && asked.id === id);
  return history.steps.some(
    ({ asked, answer, began }) =>
      asked.ask === 'pending' && answer.told === 'messages' && began > told!.ended && answer.messages.some((message) => message.id === id),
  );
}
