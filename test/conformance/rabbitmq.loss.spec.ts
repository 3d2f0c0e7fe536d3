import { DomainError } from '@banyan/platform/contract';
import { createTestBroker } from '../support/rabbitmq';
import { startTcpProxy } from '../support/tcp-proxy';
import { type RemoteCaller, remoteCaller, until } from './carriers';
import { probeContract } from './probe.contract';

const { look, once, keyed, echo } = probeContract.operations;

let caller: RemoteCaller;

afterEach(() => caller.close());

const codeOf = (answer: Promise<unknown>) =>
  answer.then(
    () => 'answered',
    (error: unknown) => (error instanceof DomainError ? error.code : error),
  );

describe('an instance killed', () => {
  beforeEach(async () => {
    caller = await remoteCaller();
  });

  it('before it received a call: a command that may not be repeated is answered 504, and was not executed', async () => {
    const worker = await caller.startWorker();
    await caller.call(echo, {}); // it is known and well
    worker.freeze();
    const answer = codeOf(caller.call(once, { mark: 'a' }));
    await caller.startWorker();
    await caller.call(echo, {}); // answered by the less loaded one, after the broker has taken what was sent before
    await worker.kill();
    expect(await answer).toBe('deadline_exceeded');
    expect(caller.traces.executed('a')).toEqual([]);
  });

  it('before it began: a query goes to another one', async () => {
    const busy = await caller.startWorker({ concurrency: 1 });
    const held = codeOf(caller.call(once, { mark: 'busy', then: 'hold' }));
    await caller.traces.begun('busy');
    const waiting = caller.call(look, { mark: 'b' });
    const lost = codeOf(caller.call(once, { mark: 'c' }));
    await until(() => caller.carrier.inFlight === 3);
    const other = await caller.startWorker();
    await busy.kill();
    expect(await waiting).toEqual({ by: other.pid });
    expect(await held).toBe('deadline_exceeded');
    expect(await lost).toBe('deadline_exceeded');
    expect(caller.traces.executed('b')).toHaveLength(1);
    expect(caller.traces.executed('c')).toEqual([]);
  });

  it('after executing, before answering: only what does no harm is executed again', async () => {
    const first = await caller.startWorker();
    const second = await caller.startWorker();
    const fatal = await codeOf(caller.call(once, { mark: 'd', then: 'die' }));
    expect(fatal).toBe('deadline_exceeded');
    expect(caller.traces.executed('d')).toHaveLength(1);

    // One is left; it dies too, and then nobody is left who could answer.
    expect(await codeOf(caller.call(look, { mark: 'e', then: 'die' }))).toBe('unavailable');
    expect(caller.traces.executed('e')).toHaveLength(1);
    await Promise.all([first.kill(), second.kill()]);
  });

  it('after executing, before answering: under the same key the next one gives an answer without a second effect', async () => {
    await caller.startWorker();
    await caller.startWorker();
    expect(await caller.call(keyed, { mark: 'f', then: 'die' }, { key: 'k' })).toMatchObject({ repeated: true });
    expect(caller.traces.executed('f')).toHaveLength(1);
  });

  it('after answering: the answer stands, and the next call is returned and goes elsewhere', async () => {
    const first = await caller.startWorker();
    expect(await caller.call(once, { mark: 'g' })).toEqual({ by: first.pid });
    await first.kill();
    const second = await caller.startWorker();
    caller.workers.suspects.clear();
    const marks = ['g'];
    // Which of the two is asked first is chance.
    while (!caller.carrier.counts.get('returned')) {
      const mark = `h${marks.length}`;
      expect(await caller.call(once, { mark })).toEqual({ by: second.pid });
      marks.push(mark);
      caller.workers.suspects.delete(first.id); // as if nobody had remembered
    }
    expect(caller.traces.executed()).toEqual(marks);
  });

  it('all of them: a process with a copy of its own serves by itself', async () => {
    await caller.close();
    caller = await remoteCaller({ withCopy: true });
    const worker = await caller.startWorker();
    await worker.kill();
    // What the broker took before it noticed is lost for certain only later; a question may be asked again at once.
    expect(await caller.call(look, { mark: 'k' })).toEqual({ by: process.pid });
    expect(await caller.call(once, { mark: 'l' })).toEqual({ by: process.pid });
    expect(caller.workers.suspects.has(worker.id)).toBe(true);
  });
});

describe('the broker', () => {
  it('cut off between caller and worker: what was sent is `maybe`, later calls are refused at once, and it works again by itself', async () => {
    const broker = await createTestBroker();
    const proxy = await startTcpProxy(broker.url);
    caller = await remoteCaller({ broker, url: proxy.through(broker.url) });
    const worker = await caller.startWorker();
    const sent = codeOf(caller.call(once, { mark: 'a', then: 'hold' }));
    await caller.traces.begun('a');
    await proxy.stop();
    expect(await sent).toBe('deadline_exceeded');
    expect(await codeOf(caller.call(once, { mark: 'b' }))).toBe('unavailable');
    await proxy.start();
    await caller.carrier.ready();
    expect(await caller.call(once, { mark: 'c' })).toEqual({ by: worker.pid });
    expect(caller.traces.executed()).toEqual(['a', 'c']);
    caller.traces.release('a');
    await until(() => caller.carrier.inFlight === 0);
    await caller.close();
    await proxy.close();
    caller = await remoteCaller();
  });

  it('cut off from a worker: it is found again under the name it tells', async () => {
    const broker = await createTestBroker();
    const proxy = await startTcpProxy(broker.url);
    caller = await remoteCaller({ broker });
    const worker = await caller.startWorker({ amqpUrl: proxy.through(broker.url) });
    const lost = codeOf(caller.call(once, { mark: 'a', then: 'hold' }));
    await caller.traces.begun('a');
    const back = worker.consumesAgain();
    await proxy.stop();
    expect(await lost).toBe('deadline_exceeded');
    await proxy.start();
    await back;
    caller.workers.suspects.clear(); // its heartbeat
    expect(await caller.call(once, { mark: 'b' })).toEqual({ by: worker.pid });
    expect(caller.traces.executed()).toEqual(['a', 'b']);
    caller.traces.release('a');
    await worker.kill();
    await proxy.close();
  });

  it('frozen: after a moment nothing is given to it any more, and it works again by itself', async () => {
    const broker = await createTestBroker();
    const proxy = await startTcpProxy(broker.url);
    caller = await remoteCaller({ broker, url: proxy.through(broker.url), withCopy: true });
    const worker = await caller.startWorker();
    proxy.freeze();
    const questions = ['a', 'b', 'c'].map((mark) => caller.call(look, { mark }));
    expect(await Promise.all(questions)).toEqual(questions.map(() => ({ by: process.pid })));
    expect(await caller.call(once, { mark: 'd' })).toEqual({ by: process.pid });
    expect(caller.carrier.counts.get('no_broker')).toBeGreaterThan(0);
    proxy.thaw();
    await until(async () => ((await caller.call(look, { mark: 'e' })) as { by: number }).by === worker.pid);
    await caller.close();
    await proxy.close();
    caller = await remoteCaller();
  });

  it('absent at the start: a host serves by itself, and goes to workers once it is there', async () => {
    const broker = await createTestBroker();
    const proxy = await startTcpProxy(broker.url);
    await proxy.stop();
    caller = await remoteCaller({ broker, url: proxy.through(broker.url), withCopy: true, wait: false });
    const worker = await caller.startWorker();
    expect(await caller.call(once, { mark: 'a' })).toEqual({ by: process.pid });
    await proxy.start();
    await caller.carrier.ready();
    expect(await caller.call(once, { mark: 'b' })).toEqual({ by: worker.pid });
    await caller.close();
    await proxy.close();
    caller = await remoteCaller();
  });
});

describe('a worker that drains', () => {
  beforeEach(async () => {
    caller = await remoteCaller();
  });

  it('finishes what runs, refuses what waits, and loses nothing', async () => {
    const first = await caller.startWorker({ concurrency: 1 });
    const running = caller.call(once, { mark: 'running', then: 'hold' });
    await caller.traces.begun('running');
    const waiting = ['x', 'y', 'z'].map((mark) => caller.call(once, { mark }));
    await until(() => caller.carrier.inFlight === 4);
    const second = await caller.startWorker();
    const gone = first.drain();
    expect(await Promise.all(waiting)).toEqual(waiting.map(() => ({ by: second.pid })));
    caller.traces.release('running');
    expect(await running).toEqual({ by: first.pid });
    await gone;
    expect(caller.traces.executed().sort()).toEqual(['running', 'x', 'y', 'z']);
  });

  it('begins nothing any more, however often its connection comes back', async () => {
    const { broker } = caller;
    const proxy = await startTcpProxy(broker.url);
    const worker = await caller.startWorker({ amqpUrl: proxy.through(broker.url) });
    const running = codeOf(caller.call(once, { mark: 'running', then: 'hold' }));
    await caller.traces.begun('running');
    const gone = worker.drain();
    await until(async () => {
      caller.workers.suspects.clear(); // as a caller that has not heard of the drain
      await codeOf(caller.call(once, { mark: 'while it is told' }));
      return (caller.carrier.counts.get('draining') ?? 0) > 0;
    });
    for (let cut = 0; cut < 2; cut++) {
      const back = worker.connectsAgain();
      await proxy.stop();
      await proxy.start();
      await back;
      caller.workers.suspects.clear();
      expect(await codeOf(caller.call(once, { mark: 'later' }))).toBe('unavailable');
    }
    caller.traces.release('running');
    await gone;
    expect(await running).toBe('deadline_exceeded'); // its answer had nowhere to go
    expect(caller.traces.executed('later')).toEqual([]);
    await proxy.close();
  });

  it('under load answers every call or has it answered by another one, each once', async () => {
    const first = await caller.startWorker();
    const second = await caller.startWorker();
    const answers: unknown[] = [];
    const marks = Array.from({ length: 1_500 }, (_, index) => `m${index}`);
    const queue = [...marks];
    const send = async () => {
      for (let mark = queue.shift(); mark !== undefined; mark = queue.shift()) answers.push(await caller.call(once, { mark }));
    };
    const load = Promise.all(Array.from({ length: 40 }, send));
    await until(() => answers.length > 300);
    await first.drain();
    await load;
    expect(caller.traces.executed().sort()).toEqual([...marks].sort());
    expect(answers).toHaveLength(marks.length);
    expect(await caller.call(once, { mark: 'after' })).toEqual({ by: second.pid });
  });
});

describe('a worker with too much to do', () => {
  it('refuses, and the call goes elsewhere', async () => {
    caller = await remoteCaller();
    await caller.startWorker({ concurrency: 1, maxWaiting: 0 });
    const held = caller.call(once, { mark: 'held', then: 'hold' });
    await caller.traces.begun('held');
    expect(await codeOf(caller.call(once, { mark: 'more' }))).toBe('unavailable');
    expect(caller.carrier.counts.get('overloaded')).toBeGreaterThan(0);
    const other = await caller.startWorker();
    expect(await caller.call(once, { mark: 'more' })).toEqual({ by: other.pid });
    caller.traces.release('held');
    await held;
    expect(caller.traces.executed('more')).toHaveLength(1);
  });

  it('skips what its caller no longer waits for', async () => {
    caller = await remoteCaller();
    await caller.startWorker({ concurrency: 1, maxWaiting: 2 });
    const held = caller.call(once, { mark: 'held', then: 'hold' });
    await caller.traces.begun('held');
    const abort = new AbortController();
    const given = codeOf(caller.call(once, { mark: 'given up' }, { signal: abort.signal }));
    await until(() => caller.carrier.counts.get('sent') === 2);
    const kept = caller.call(once, { mark: 'kept' });
    abort.abort();
    const last = caller.call(once, { mark: 'last' }); // takes the place of the one given up
    expect(await given).toBe('deadline_exceeded');
    // Refused, for the places are taken: so all that was sent before it has been read.
    expect(await codeOf(caller.call(once, { mark: 'too much' }))).toBe('unavailable');
    caller.traces.release('held');
    await Promise.all([held, kept, last]);
    expect(caller.traces.executed()).toEqual(['held', 'kept', 'last']);
  });
});
