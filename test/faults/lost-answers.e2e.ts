import type { Actor, CallContext, Operation } from '@banyan/platform/contract';
import type { Carrier } from '@banyan/platform/dispatch/carrier';
import { AttemptTimedOut } from '@banyan/platform/dispatch/outcome';
import { startTestServer, type TestServer } from '../support/banyan';
import { type Account, Device, register, Tally } from './client';
import { History } from './history';

/** The next so many calls of an operation are executed and their answers lost, or they are not executed. */
class Forgetful implements Carrier {
  readonly name = 'forgetful';
  readonly plan = new Map<string, ('lost' | 'missed')[]>();

  constructor(private readonly carrier: Carrier) {}

  async call(operation: Operation, input: unknown, context: CallContext<Actor>): Promise<unknown> {
    const fate = this.plan.get(operation.name)?.shift();
    if (fate === 'missed') throw Object.assign(new Error('nobody there'), { executed: 'no' as const });
    const answer = await this.carrier.call(operation, input, context);
    if (fate === 'lost') throw new AttemptTimedOut(operation.name);
    return answer;
  }
}

/** More often than anybody tries. */
const always = (fate: 'lost' | 'missed') => Array<typeof fate>(30).fill(fate);

describe('when an answer is lost inside the server', () => {
  let server: TestServer;
  let carrier: Forgetful;
  let tally: Tally;
  let ada: Device;
  let bob: Device;
  let accounts: [Account, Account];

  beforeAll(async () => {
    server = await startTestServer({ wrapCarrier: (inner) => (carrier = new Forgetful(inner)) });
    accounts = (await register(server.url, 2)) as [Account, Account];
  });

  afterAll(() => server.close());

  beforeEach(() => {
    tally = new Tally();
    carrier.plan.clear();
    [ada, bob] = accounts.map((account) => new Device([server.url], account, new History(), tally)) as [Device, Device];
  });

  afterEach(() => {
    expect(tally.complaints).toEqual([]);
    for (const device of [ada, bob]) device.close();
  });

  async function sent(key: string): Promise<string> {
    const answer = await ada.send(bob.userId, key);
    if (answer.told !== 'accepted') throw new Error(answer.told);
    return answer.id;
  }

  it('a send is tried again and gives the first message', async () => {
    carrier.plan.set('message.accept', ['lost']);
    const id = await sent('first');
    expect(await ada.send(bob.userId, 'first')).toEqual({ told: 'accepted', id });
  });

  it('an acknowledgement is tried again and is still the one that did it', async () => {
    const id = await sent('acknowledged');
    carrier.plan.set('message.acknowledge', ['lost']);
    expect(await bob.acknowledge(id)).toEqual({ told: 'deleted' });
    expect(await bob.acknowledge(id)).toEqual({ told: 'not_found' });
  });

  it('a command that may have been executed is not called refused, even if later attempts surely failed', async () => {
    carrier.plan.set('message.accept', ['lost', ...always('missed')]);
    expect(await ada.send(bob.userId, 'doubtful')).toEqual({ told: 'unknown' });
    expect([...tally.counts.keys()]).toEqual(['send 504']);
  });

  it('a command that was surely not executed is refused', async () => {
    carrier.plan.set('message.accept', always('missed'));
    expect(await ada.send(bob.userId, 'refused')).toEqual({ told: 'refused' });
    expect([...tally.counts.keys()]).toEqual(['send 503']);
  });

  it('a question is refused, whatever happened to the commands it asked', async () => {
    await sent('waiting');
    carrier.plan.set('message.pending', always('lost'));
    expect(await bob.pending()).toEqual({ told: 'refused' });
    expect(tally.counts.get('pending 503')).toBe(1);
  });
});
