import { inContext } from '@banyan/platform/dispatch/context';
import { newTrace } from '@banyan/platform/telemetry/trace';
import { type Caller, localCaller, remoteCaller } from './carriers';
import { probeContract } from './probe.contract';

const probe = probeContract.operations;

const carriers: [string, () => Promise<Caller>][] = [
  ['local', localCaller],
  [
    'rabbitmq',
    async () => {
      const caller = await remoteCaller();
      await caller.startWorker();
      return caller;
    },
  ],
];

describe.each(carriers)('a call over %s', (name, start) => {
  let caller: Caller;

  beforeAll(async () => {
    caller = await start();
  });

  afterAll(() => caller.close());

  it('brings JSON there and back: absent keys and null apart, unicode, numbers, deep and empty things', async () => {
    const value = {
      absent: undefined,
      nothing: null,
      empty: ['', {}, []],
      text: 'ß ø 漢字 🌳 \u2028 " \\ \n',
      half: '\ud83c',
      numbers: [0, -1.5, 1e21, Number.MAX_SAFE_INTEGER],
      deep: { a: { b: { c: [{ d: null }] } } },
      '': 'empty name',
    };
    const answer = (await caller.call(probe.echo, value)) as object;
    const { absent: _absent, ...rest } = value;
    expect(answer).toStrictEqual(rest);
    expect('absent' in answer).toBe(false);
    expect(await caller.call(probe.nothing, {})).toBeUndefined();
  });

  it('brings a megabyte', async () => {
    const value = { text: 'ö🌳'.repeat(180_000) };
    expect(await caller.call(probe.echo, value)).toStrictEqual(value);
  });

  it('hands over copies: neither side sees what the other does to them', async () => {
    const input = { list: [1] };
    const first = (await caller.call(probe.keep, input)) as Record<string, unknown>;
    expect(input).toStrictEqual({ list: [1] });
    first['mine'] = true;
    expect(await caller.call(probe.keep, { list: [2] })).toStrictEqual({ list: [2], changed: true });
    expect(first).toStrictEqual({ list: [1], changed: true, mine: true });
  });

  it('brings who calls, why and until when', async () => {
    const actor = { kind: 'user', userId: '0193', role: 'admin' } as const;
    const trace = newTrace(true);
    const before = Date.now();
    const context = await caller.call(probe.context, {}, { actor, trace, key: 'a key', address: '::1' });
    expect(context).toMatchObject({ actor, trace, key: 'a key', depth: 0, address: '::1' });
    expect((context as { deadline: number }).deadline).toBeGreaterThanOrEqual(before + probe.context.timeoutMs);
  });

  it('keeps code, status, text, extra keys and retry time of a declared error', async () => {
    await expect(caller.call(probe.refuse, {})).rejects.toMatchObject({
      code: 'probe.refused',
      status: 409,
      detail: 'The probe was refused',
      extra: { because: ['a', null] },
      retryAfterSeconds: 7,
    });
  });

  it('says what is wrong with an input', async () => {
    await expect(caller.call(probe.once, { mark: 1 })).rejects.toMatchObject({
      code: 'invalid_input',
      status: 422,
      extra: { errors: [{ type: 'string_type', loc: ['mark'] }] },
    });
  });

  it('does not execute an operation that is not known there', async () => {
    await expect(caller.call(probe.later, { mark: 'later' })).rejects.toMatchObject({ status: 503, retryAfterSeconds: 1 });
    expect(caller.traces.executed('later')).toEqual([]);
  });

  it('tries again what was surely not executed, and a command that perhaps was only if that does no harm', async () => {
    await expect(caller.call(probe.fall, { mark: 'no', executed: 'no' })).rejects.toMatchObject({ code: 'unavailable' });
    expect(caller.traces.executed('no').length).toBeGreaterThan(1);
    await expect(caller.call(probe.fall, { mark: 'maybe', executed: 'maybe' })).rejects.toMatchObject({ code: 'deadline_exceeded' });
    expect(caller.traces.executed('maybe')).toHaveLength(1);
  });

  it('answers 504 when the time of a command is over, and does not repeat it', async () => {
    await expect(caller.call(probe.brief, { mark: 'slow', then: 'hold' })).rejects.toMatchObject({
      code: 'deadline_exceeded',
      status: 504,
    });
    expect(caller.traces.executed('slow')).toHaveLength(1);
    caller.traces.release('slow');
  });

  it('does not begin what nobody waits for any more', async () => {
    const gone = AbortSignal.abort();
    await expect(caller.call(probe.once, { mark: 'aborted' }, { signal: gone })).rejects.toMatchObject({ code: 'unavailable' });
    const late = { actor: { kind: 'system', name: 'test' }, key: 'late', deadline: Date.now() - 1, depth: 0, trace: newTrace() } as const;
    await expect(inContext(late, () => caller.dispatcher.call(probe.once, { mark: 'aborted' }))).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(caller.traces.executed('aborted')).toEqual([]);
  });

  it('ends calls that go round in a circle', async () => {
    await expect(caller.call(probe.nest, {})).rejects.toMatchObject({ code: 'call_too_deep' });
  });

  it('answers each of many calls made at once with its own, and lets a poisoned one fail alone', async () => {
    const calls = Array.from({ length: 300 }, (_, index) => caller.call(probe.echo, { index }).catch(() => 'failed'));
    const poisoned = [
      caller.call(probe.crash, {}),
      caller.call(probe.circle, {}),
      caller.call(probe.echo, { big: 1n }),
      caller.call(probe.echo, null),
    ];
    const more = Array.from({ length: 300 }, (_, index) => caller.call(probe.echo, { index: 300 + index }).catch(() => 'failed'));
    const failures = await Promise.all(poisoned.map((call) => call.catch((error: unknown) => error)));
    expect(await Promise.all([...calls, ...more])).toStrictEqual(Array.from({ length: 600 }, (_, index) => ({ index })));
    expect(failures).toEqual([expect.any(Error), expect.any(Error), expect.any(TypeError), expect.objectContaining({ status: 422 })]);
    if (name === 'rabbitmq') {
      expect(failures.slice(0, 2)).toMatchObject([{ code: 'internal' }, { code: 'internal' }]);
      expect(JSON.stringify(failures)).not.toContain('the text of a driver');
    }
  });
});
