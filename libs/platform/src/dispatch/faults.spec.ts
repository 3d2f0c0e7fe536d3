import { z } from 'zod';
import { Bool, Int, OpaqueObjects, Text, Uuid } from '../contract';
import { faultsOf, sentenceOf } from './faults';

const Draft = z.object({
  id: Uuid,
  name: Text({ min: 3, max: 5 }),
  count: Int({ min: 1, max: 10 }).nullish(),
  flag: Bool.default(false),
  list: OpaqueObjects({ maxItems: 2, maxBytes: 50 }).nullish(),
  record: z.record(z.string(), z.unknown()).optional(),
  password: Text({ max: 5 }).optional(),
});
const valid = { id: '00000000-0000-4000-8000-000000000000', name: 'abc' };

function faults(input: unknown) {
  const { error } = Draft.safeParse(input);
  return error ? faultsOf(error, input) : [];
}

it('are in legacy’s words', () => {
  const word = (fields: object) => faults({ ...valid, ...fields }).map(({ type, loc, msg }) => [type, loc.join('.'), msg]);
  expect(word({})).toEqual([]);
  expect(word({ name: undefined })).toEqual([['missing', 'name', 'Field required']]);
  expect(word({ name: null })).toEqual([['string_type', 'name', 'Input should be a valid string']]);
  expect(word({ name: 'ab' })).toEqual([['string_too_short', 'name', 'String should have at least 3 characters']]);
  expect(word({ name: 'abcdef' })).toEqual([['string_too_long', 'name', 'String should have at most 5 characters']]);
  expect(word({ name: 'a\0b' })).toEqual([['string_unicode', 'name', 'String should not contain a NUL character']]);
  expect(word({ id: 'x' })).toEqual([['uuid_parsing', 'id', 'Input should be a valid UUID']]);
  expect(word({ count: 'x' })).toEqual([['int_parsing', 'count', 'Input should be a valid integer']]);
  expect(word({ count: 0 })).toEqual([['greater_than_equal', 'count', 'Input should be greater than or equal to 1']]);
  expect(word({ count: 11 })).toEqual([['less_than_equal', 'count', 'Input should be less than or equal to 10']]);
  expect(word({ flag: 'maybe' })).toEqual([['bool_parsing', 'flag', 'Input should be a valid boolean']]);
  expect(word({ record: [] })).toEqual([['dict_type', 'record', 'Input should be a valid dictionary']]);
  expect(word({ list: {} })).toEqual([['list_type', 'list', 'Input should be a valid list']]);
  expect(word({ list: [{}, {}, {}] })).toMatchObject([['too_long', 'list', 'List should have at most 2 items']]);
});

it('are listed in the order of the fields, and said in one sentence', () => {
  const all = faults({ name: 'ab', flag: 7 });
  expect(all.map(({ loc }) => loc)).toEqual([['id'], ['name'], ['flag']]);
  expect(sentenceOf(all)).toBe('id: Field required; name: String should have at least 3 characters; flag: Input should be a valid boolean');
  expect(sentenceOf([{ type: 'x', loc: [], msg: 'All of it.' }])).toBe('All of it.');
});

describe('what was sent is repeated', () => {
  const repeated = (fields: object) => faults({ ...valid, ...fields })[0]?.input;

  it('for a developer: the value, or the object that lacks one', () => {
    expect(repeated({ name: 'ab' })).toBe('ab');
    expect(faults({ id: valid.id })[0]!.input).toEqual({ id: '…' });
  });

  it('never a secret', () => {
    expect(repeated({ password: 'too long a password' })).toBe('***');
  });

  it('never at length, and never what no one can read', () => {
    expect(repeated({ name: 'x'.repeat(10_000) })).toBe(`${'x'.repeat(100)}…`);
    expect(repeated({ name: `${'x'.repeat(99)}😀😀😀` })).toBe(`${'x'.repeat(99)}\ufffd…`);
    expect(repeated({ id: '\ud800' })).toBe('\ufffd');
    expect(repeated({ list: Array(1_000).fill({}) })).toBe('a list of 1000');
    expect(repeated({ name: Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, 'v'])) })).toEqual(
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`k${i}`, '…'])),
    );
  });
});

it('of an input that is no object is one', () => {
  for (const input of [null, [], 'x', 7]) expect(faults(input)).toMatchObject([{ type: 'model_attributes_type', loc: [] }]);
});
