import fc from 'fast-check';
import { Bool, Int, jsonFault, MAX_JSON_DEPTH, normaliseUuid, OpaqueObjects, Text, Uuid } from './types';

describe('an id', () => {
  it('comes in any form and goes out in one', () => {
    fc.assert(
      fc.property(fc.uuid(), (id) => {
        for (const form of [id, id.toUpperCase(), id.replaceAll('-', ''), `{${id}}`, `urn:uuid:${id}`, `  ${id}\n`])
          expect(Uuid.parse(form)).toBe(id);
      }),
    );
  });

  it('is no other text', () => {
    for (const text of ['', 'x', 'g'.repeat(32), '0'.repeat(31), '0'.repeat(33), `${'0'.repeat(32)}\0`]) {
      expect(Uuid.safeParse(text).success).toBe(false);
      expect(normaliseUuid(text)).toBe(text);
    }
  });
});

describe('text', () => {
  it('is counted in characters, as PostgreSQL does', () => {
    const three = Text({ min: 3, max: 3 });
    expect(['abc', '😀😀😀', 'e\u0301x'].map((text) => three.safeParse(text).success)).toEqual([true, true, true]);
    expect(['ab', 'abcd', '😀😀', '😀😀😀😀'].map((text) => three.safeParse(text).success)).toEqual([false, false, false, false]);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
        fc.pre(!text.includes('\0') && text.isWellFormed());
        const length = [...text].length;
        expect(Text({ min: 2, max: 6 }).safeParse(text).success).toBe(length >= 2 && length <= 6);
      }),
    );
  });

  it('is what can be kept: no NUL, no half of a pair', () => {
    for (const text of ['\0', 'a\0', '\ud800', 'x\udc00', '\udc00\ud800']) expect(Text({ max: 9 }).safeParse(text).success).toBe(false);
  });
});

it('integers come as numbers or as their texts', () => {
  const few = Int({ min: -5, max: 5 });
  expect([3, 3.0, '3', ' +3 ', '-5', '005'].map((value) => few.parse(value))).toEqual([3, 3, 3, 3, -5, 5]);
  for (const value of [6, -6, 1.5, NaN, Infinity, '1.5', '1e1', '', '0x1', true, [], {}, [1], '9'.repeat(20)])
    expect(few.safeParse(value).success).toBe(false);
});

it('booleans come as they are, as 0 and 1, and as words', () => {
  expect([true, 1, 'true', 'YES', 'on', 't', '1'].map((value) => Bool.parse(value))).toEqual(Array(7).fill(true));
  expect([false, 0, 'false', 'No', 'off', 'F', '0'].map((value) => Bool.parse(value))).toEqual(Array(7).fill(false));
  for (const value of [2, -1, '', 'maybe', [], ['true'], {}, { toString: null }, { toString: () => 'true' }])
    expect(Bool.safeParse(value).success).toBe(false);
});

describe('JSON that is kept as it came', () => {
  it('has no NUL, no half of a pair and no great depth, in keys or values', () => {
    const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);
    expect(jsonFault({ a: [1, 'x', null, { b: true }] })).toBeUndefined();
    expect(jsonFault({ a: ['\0'] })).toMatch(/NUL/);
    expect(jsonFault({ '\ud800': 1 })).toMatch(/Unicode/);
    expect(jsonFault(nested(MAX_JSON_DEPTH))).toBeUndefined();
    expect(jsonFault(nested(MAX_JSON_DEPTH + 1))).toMatch(/nested/);
    let endless: unknown = 1;
    for (let i = 0; i < 200_000; i++) endless = [endless];
    expect(jsonFault(endless)).toMatch(/nested/);
  });

  it('is a short list of objects', () => {
    const few = OpaqueObjects({ maxItems: 2, maxBytes: 20 });
    const judged = (value: unknown) => few.safeParse(value).success;
    expect([[], [{}], [{ a: 1 }, { b: [] }]].map(judged)).toEqual([true, true, true]);
    expect([null, {}, [1], [null], [[]], [{}, {}, {}], [{ a: 'x'.repeat(30) }], [{ a: '\0' }]].map(judged)).toEqual(Array(8).fill(false));
  });
});
