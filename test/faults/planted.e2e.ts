import { v7 as uuidv7 } from 'uuid';
import { type Actor, type CallContext, type Input, type Operation, Unavailable } from '@banyan/platform/contract';
import type { Carrier } from '@banyan/platform/dispatch/carrier';
import type { acknowledge } from '@banyan/relay/contract';
import { startTestServer } from '../support/banyan';
import type { Violation } from './checker';
import { Load } from './load';

jest.setTimeout(120_000);

type Call = (context?: CallContext<Actor>) => Promise<unknown>;
type Bug = (call: Call, input: unknown, context: CallContext<Actor>) => Promise<unknown>;

/** Every fifth call of one operation goes wrong; the rest of the server does not know. */
class Saboteur implements Carrier {
  readonly name = 'saboteur';
  private calls = 0;

  constructor(
    private readonly carrier: Carrier,
    private readonly operation: string,
    private readonly bug: Bug,
  ) {}

  call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const call: Call = (other = context) => this.carrier.call(operation, input, other);
    return operation.name === this.operation && ++this.calls % 5 === 0 ? this.bug(call, input, context) : call();
  }
}

/** A load on a server with a bug. */
async function loadWith(operation: string, bug: Bug): Promise<{ load: Load; violations: Violation[] }> {
  const server = await startTestServer({ wrapCarrier: (carrier) => new Saboteur(carrier, operation, bug) });
  try {
    const load = await Load.prepare({ baseUrl: server.url, users: 10, conversations: 12, steps: 10 });
    load.start();
    return { load, violations: await load.finish(async () => undefined) }; // nothing has failed, so nothing is made good later
  } finally {
    await server.close();
  }
}

/** As comparable lines: the fault and the key of the send it happened to. */
const told = (violations: readonly Violation[]) => violations.map(({ fault, key }) => `${fault} ${key}`).sort();
const all = (fault: string, keys: Iterable<string>) => [...new Set(keys)].map((key) => `${fault} ${key}`).sort();
/** A send's own key, out of that of a call made for it. */
const keyOf = ({ key }: CallContext<Actor>) => key.split('/')[0]!;

describe('the history checker, on a real server with a planted bug, reports that bug and nothing else', () => {
  it('a message that is answered and not stored', async () => {
    const planted: string[] = [];
    const { load, violations } = await loadWith('message.accept', async () => {
      const now = new Date().toISOString().replace('Z', '000Z');
      const message_id = uuidv7();
      planted.push(message_id);
      return { message_id, position: 1, created_at: now, expires_at: now };
    });
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

/** The keys of the sends that were accepted as a message whose id is one of these. */
function acceptedKeys({ history }: Load, isOne: (id: string) => boolean = () => true): string[] {
  return history.steps.flatMap(({ asked, answer }) =>
    asked.ask === 'send' && answer.told === 'accepted' && isOne(answer.id) ? [asked.key] : [],
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
