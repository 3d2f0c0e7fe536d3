import { randomUUID } from 'node:crypto';
import { newTrace } from '@banyan/platform/telemetry/trace';
import { type Channel, type ChannelModel, connect, type ConsumeMessage } from 'amqplib';
import { CARRIER_KEY, type RemoteCaller, remoteCaller, until } from './carriers';
import { probeContract } from './probe.contract';
import { type CallEnvelope, carrierKey, seal, unseal } from '@banyan/platform/rabbitmq/envelope';
import type { Worker } from './workers';

const { once, echo, brief } = probeContract.operations;

const KEY = carrierKey(CARRIER_KEY);

let caller: RemoteCaller;
let connection: ChannelModel;
let channel: Channel;

beforeEach(async () => {
  caller = await remoteCaller();
  connection = await connect(caller.broker.url, { noDelay: true });
  channel = await connection.createChannel();
});

afterEach(async () => {
  await connection.close();
  await caller.close();
});

describe('somebody with access to the broker', () => {
  let worker: Worker;
  let replies: string;
  const received: ConsumeMessage[] = [];

  beforeEach(async () => {
    worker = await caller.startWorker();
    replies = (await channel.assertQueue('', { exclusive: true })).queue;
    received.length = 0;
    await channel.consume(replies, (message) => void (message && received.push(message)), { noAck: true });
  });

  const callOf = (mark: string, more: Partial<CallEnvelope> = {}): CallEnvelope => ({
    id: 1,
    operation: once.name,
    input: { mark },
    actor: { kind: 'user', userId: 'somebody else', role: 'admin' },
    key: 'key',
    deadline: Date.now() + 60_000,
    depth: 0,
    attempt: 1,
    trace: newTrace(),
    ...more,
  });
  const bodyOf = (n: number, ...calls: unknown[]) => JSON.stringify({ v: 1, n, calls });
  const send = (content: Buffer, replyTo = replies, queue = worker.instance.queue) => channel.publish('', queue, content, { replyTo });
  const sealed = (body: string, { key = KEY, audience = worker.instance.queue, sender = replies } = {}) =>
    seal(key, { audience, sender }, body);
  const answers = () =>
    received.map(
      ({ content, properties }) =>
        (unseal(KEY, { audience: replies, sender: String(properties.replyTo) }, content) as { answers: object[] }).answers,
    );

  it('cannot call in another name: what is forged, altered, for somebody else, by somebody else or sent again is not executed', async () => {
    const altered = sealed(bodyOf(1, callOf('altered')));
    altered[altered.length - 20]! ^= 1;
    const elsewhere = (await channel.assertQueue('', { exclusive: true })).queue;
    send(sealed(bodyOf(1, callOf('forged')), { key: carrierKey('another key') }));
    send(altered);
    send(sealed(bodyOf(1, callOf('readdressed')), { audience: 'another worker' }));
    send(sealed(bodyOf(1, callOf('intercepted'))), elsewhere); // its answer would go to the thief
    send(Buffer.from('short'));
    send(Buffer.alloc(0));
    const genuine = sealed(bodyOf(2, callOf('genuine')));
    send(genuine);
    send(genuine);
    send(sealed(bodyOf(1, callOf('older'))));
    send(sealed(bodyOf(3, callOf('last'))));
    await until(() => answers().flat().length === 2);
    expect(caller.traces.executed()).toEqual(['genuine', 'last']);
    expect((await channel.checkQueue(elsewhere)).messageCount).toBe(0);
  });

  it('cannot invent an answer', async () => {
    const [queue] = (await caller.broker.queues()).filter((name) => name.startsWith('amq.gen') && name !== replies);
    const answer = caller.call(once, { mark: 'a', then: 'hold' });
    await caller.traces.begun('a');
    const body = JSON.stringify({ v: 1, answers: [1, 2, 3].map((id) => ({ id, output: 'invented' })) });
    const properties = { replyTo: worker.instance.queue };
    channel.publish('', queue!, seal(carrierKey('another key'), { audience: queue!, sender: worker.instance.queue }, body), properties);
    // One that a real process has made for another call: signed, but not by the one that was asked.
    channel.publish('', queue!, seal(KEY, { audience: queue!, sender: 'another worker' }, body), { replyTo: 'another worker' });
    await until(() => caller.carrier.counts.get('forged') === 1 && caller.carrier.counts.get('late') === 3);
    caller.traces.release('a');
    expect(await answer).toEqual({ by: worker.pid });
  });

  it('with the key, as another build: unknown keys are ignored, what makes no sense fails alone, a newer version is refused', async () => {
    send(
      sealed(
        bodyOf(
          1,
          { ...callOf('known'), colour: 'blue' },
          { id: 2, operation: once.name },
          'no call',
          null,
          callOf('expired', { id: 3, deadline: Date.now() - 1 }),
          callOf('deep', { id: 4, depth: 9 }),
          callOf('unknown', { id: 5, operation: 'probe.unheard' }),
        ),
      ),
    );
    send(sealed(JSON.stringify({ v: 2, n: 2, colour: 'blue', calls: [{ id: 6, something: 'else' }] })));
    await until(() => answers().flat().length === 6);
    expect(answers().flat()).toEqual(
      expect.arrayContaining([
        { id: 1, output: { by: worker.pid } },
        { id: 2, executed: 'no', reason: 'malformed' },
        { id: 3, executed: 'no', reason: 'expired' },
        { id: 4, error: expect.objectContaining({ code: 'call_too_deep' }) as unknown },
        { id: 5, executed: 'no', reason: 'unknown_operation' },
        { id: 6, executed: 'no', reason: 'incompatible' },
      ]),
    );
    expect(caller.traces.executed()).toEqual(['known']);
  });
});

describe('a carrier', () => {
  /** Takes the place of a worker; `answer` gets the calls of each message. */
  async function pretend(
    answer: (reply: (answers: object[]) => void, calls: readonly CallEnvelope[], size: number) => void,
  ): Promise<void> {
    const { queue } = await channel.assertQueue('', { exclusive: true });
    await channel.consume(
      queue,
      (message) => {
        if (!message || message.content.length === 0) return;
        const sender = String(message.properties.replyTo);
        const { calls } = unseal(KEY, { audience: queue, sender }, message.content) as { calls: CallEnvelope[] };
        const reply = (answers: object[]) =>
          channel.publish('', sender, seal(KEY, { audience: sender, sender: queue }, JSON.stringify({ v: 1, answers })), {
            replyTo: queue,
          });
        answer(reply, calls, message.content.length);
      },
      { noAck: true },
    );
    caller.workers.add({ id: randomUUID(), queue, kind: 'worker', build: '', url: '', operations: new Map() });
  }

  it('sends the calls of one turn together, up to 64 and 256 KB, and a larger one alone', async () => {
    const batches: number[] = [];
    await pretend((reply, calls) => {
      batches.push(calls.length);
      reply(calls.map(({ id, input }) => ({ id, output: input })));
    });
    await Promise.all(Array.from({ length: 150 }, (_, index) => caller.call(echo, { index })));
    expect(batches.splice(0)).toEqual([64, 64, 22]);
    const large = (kilobytes: number) => caller.call(echo, { text: 'x'.repeat(kilobytes * 1024) });
    await Promise.all([large(100), large(100), large(100), large(1_000), large(1)]);
    expect(batches).toEqual([2, 1, 1, 1]);
  });

  it('takes the first answer; a second one and one that comes too late are counted and change nothing', async () => {
    let answerLater = () => undefined as void;
    await pretend((reply, calls) => {
      const [{ id, operation }] = calls as [CallEnvelope];
      if (operation === brief.name) return (answerLater = () => reply([{ id, output: 'too late' }]));
      reply([
        { id, output: 'first' },
        { id, output: 'second' },
      ]);
      reply([{ id, output: 'third' }]);
    });
    expect(await caller.call(echo, {})).toBe('first');
    await until(() => caller.carrier.counts.get('late') === 2);
    await expect(caller.call(brief, { mark: 'a' })).rejects.toMatchObject({ code: 'deadline_exceeded' });
    answerLater();
    await until(() => caller.carrier.counts.get('late') === 3);
    expect(caller.carrier.inFlight).toBe(0);
  });

  it('believes an answer that says more than it knows', async () => {
    await pretend((reply, [call]) => reply([{ id: call!.id, output: { a: 1 }, colour: 'blue' }]));
    expect(await caller.call(echo, {})).toEqual({ a: 1 });
  });

  it('leaves an instance that fails again and again alone for a while', async () => {
    let asked = 0;
    await pretend((reply, calls) => {
      asked += calls.length;
      reply(calls.map(({ id }) => ({ id, error: { code: 'internal', status: 500, detail: 'Internal Server Error' } })));
    });
    for (let i = 0; i < 5; i++) await expect(caller.call(echo, {})).rejects.toMatchObject({ code: 'internal' });
    await expect(caller.call(echo, {})).rejects.toMatchObject({ code: 'unavailable' });
    expect(asked).toBe(5);
  });
});
