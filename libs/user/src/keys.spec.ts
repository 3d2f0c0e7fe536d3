import * as fc from 'fast-check';
import { currentKey, type KeyEntry, placeholderKey, withActiveKey } from './keys';

const NOW = '2026-01-30T12:57:45.421392Z';
const after = (...keys: string[]) => keys.reduce<KeyEntry[]>((history, key) => withActiveKey(history, key, NOW) ?? history, []);

describe('a history of keys', () => {
  it('has one active key at most, the one that was set last, and is otherwise what was set, in order', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 40 }), (set) => {
        const history = after(...set);
        const changes = set.filter((key, n) => key !== set[n - 1]);
        expect(history.map(({ key_data }) => key_data)).toEqual(changes);
        expect(history.map(({ status }) => status)).toEqual([...changes.slice(1).map(() => 'inactive'), 'active']);
        expect(currentKey(history)).toBe(set.at(-1));
        expect(new Set(history.map(({ key_id }) => key_id)).size).toBe(history.length);
      }),
    );
  });

  it('keeps what was known of a key, its time included', () => {
    const [first] = after('a');
    expect(first).toEqual({
      key_id: expect.stringMatching(/^key-/),
      algorithm: 'SECP256R1',
      key_data: 'a',
      created_at: NOW,
      status: 'active',
    });
    expect(withActiveKey([first!], 'b', 'later')![0]).toEqual({ ...first, status: 'inactive' });
  });

  it('does not change with the key that is active already', () => {
    expect(withActiveKey(after('a', 'b'), 'b', NOW)).toBeUndefined();
    expect(withActiveKey(after('a', 'b'), 'a', NOW)).toHaveLength(3);
  });

  it('keeps the newest two hundred', () => {
    const history = after(...Array.from({ length: 250 }, (_, n) => `${n}`));
    expect(history).toHaveLength(200);
    expect([history[0]!.key_data, history.at(-1)!.key_data]).toEqual(['50', '249']);
  });

  it('shows the first key if none is active, as legacy does', () => {
    const inactive = after('a', 'b').map((key) => ({ ...key, status: 'inactive' as const }));
    expect(currentKey(inactive)).toBe('a');
    expect(currentKey([])).toBeUndefined();
  });

  it('of nobody is what legacy answers for him', () => {
    expect(placeholderKey('ada')).toBe('cHVia2V5X2FkYQ==');
  });
});
