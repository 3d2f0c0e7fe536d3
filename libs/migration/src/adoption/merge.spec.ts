import { idsOf, mergePending } from './merge';

const legacy = (...ids: string[]) => ({
  success: true,
  count: ids.length,
  messages: ids.map((id) => ({ id, created_at: '2026-01-30T12:57:45.421392+00:00', media_refs: null })),
});
const ours = (...ids: string[]) => ids.map((id) => ({ id, created_at: '2026-01-30T12:57:45.421392Z' }));

describe('an answer of legacy to pending, merged', () => {
  it('has legacy’s messages as they are, then ours, each once', () => {
    const body = legacy('a', 'b');
    const merged = mergePending(body, { messages: ours('b', 'c'), settled: [] }) as typeof body;
    expect(merged).toEqual({ success: true, count: 3, messages: [...body.messages, ...ours('c')] });
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
