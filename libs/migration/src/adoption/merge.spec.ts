import { idsOf, mergePending } from './merge';

const legacy = (...ids: string[]) => ({
  success: true,
  count: ids.length,
  messages: ids.map((id) => ({ id, created_at: '2026-01-30T12:57:45.421392+00:00', media_refs: null })),
});
const ours = (...ids: string[]) => ids.map((id) => ({ id, created_at: '2026-01-30T12:57:45.421392Z' }));

describe('an answer of legacy to pending, merged', () => {
  it('has legacy’s messages as they are, and ours, each once', () => {
    const body = legacy('a', 'b');
    const merged = mergePending(body, { messages: ours('b', 'c'), settled: [] }) as typeof body;
    expect(merged).toEqual({ success: true, count: 3, messages: [...body.messages, ...ours('c')] });
  });

  it('is in the order of time, whichever side a message was sent to', () => {
    const at = (id: string, created_at: string) => ({ id, created_at });
    const theirs = [at('d', '2026-01-30T12:57:46.000001+00:00'), at('b', '2026-01-30T12:57:45.500000+00:00')];
    const messages = [at('a', '2026-01-30T12:57:45.499999Z'), at('c', '2026-01-30T12:57:46.000000Z')];
    const merged = mergePending({ ...legacy(), messages: theirs }, { messages, settled: [] }) as { messages: { id: string }[] };
    expect(merged.messages.map(({ id }) => id).join('')).toBe('abcd');
  });

  it('lacks what is settled', () => {
    expect(mergePending(legacy('a', 'b'), { messages: [], settled: ['a', 'x'] })).toEqual(legacy('b'));
  });

  it('is the same object when nothing is to be added or taken away', () => {
    const body = legacy('a');
    expect(mergePending(body, { messages: [], settled: [] })).toBe(body);
  });

  it.each([undefined, null, 'text', [], { detail: 'User not found' }, { count: 'x', messages: [] }])(
    'of another shape stays as it is: %j',
    (body) => {
      expect(mergePending(body, { messages: ours('a'), settled: ['b'] })).toBe(body);
      expect(idsOf(body)).toEqual([]);
    },
  );

  it('keeps messages whose id it cannot read', () => {
    const odd = { success: true, count: 2, messages: [{ id: 7 }, null] };
    expect(idsOf(odd)).toEqual([]);
    expect(mergePending(odd, { messages: ours('a'), settled: [] })).toMatchObject({ count: 3 });
  });
});
