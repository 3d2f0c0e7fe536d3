import fc from 'fast-check';
import { z } from 'zod';
import { contract, query } from '../contract';
import { mismatch, mismatches } from './compatibility';
import { contractShape, shapeOf } from './shapes';

const shape = (input: z.ZodType, output: z.ZodType = z.object({})) => shapeOf(query({ summary: '', access: 'internal', input, output }));
const taking = (input: z.ZodRawShape) => shape(z.object(input));
const answering = (output: z.ZodRawShape) => shape(z.object({}), z.object(output));

describe('what two builds may say to each other', () => {
  it.each([
    ['an optional input', taking({ a: z.string() }), taking({ a: z.string(), b: z.string().optional() })],
    ['an input with a default', taking({ a: z.string() }), taking({ a: z.string(), b: z.int().default(1) })],
    ['a nullish input', taking({}), taking({ b: z.object({ c: z.string() }).nullish() })],
    ['an optional output', answering({ a: z.string() }), answering({ a: z.string(), b: z.string().optional() })],
    ['another limit', taking({ a: z.string().max(10) }), taking({ a: z.string().max(20) })],
    ['nothing but another order of keys', taking({ a: z.string(), b: z.int() }), taking({ b: z.int(), a: z.string() })],
  ])('%s: both directions', (_what, before, after) => {
    expect([mismatch(before, after), mismatch(after, before)]).toEqual([undefined, undefined]);
  });

  it.each([
    ['an output the caller does not know', answering({ a: z.string() }), answering({ a: z.string(), b: z.int() }), /output\.b: required/],
    [
      'an output that is never null',
      answering({ a: z.string().nullable() }),
      answering({ a: z.string() }),
      /output\.a: string does not take null/,
    ],
    ['fewer values of an output', answering({ a: z.enum(['x', 'y']) }), answering({ a: z.enum(['x']) }), /output\.a: does not know "y"/],
    ['more values of an input', taking({ a: z.enum(['x']) }), taking({ a: z.enum(['x', 'y']) }), /input\.a: does not know "y"/],
    ['an input that may be null', taking({ a: z.string() }), taking({ a: z.string().nullable() }), /input\.a: string does not take null/],
    ['a wider number', taking({ a: z.int() }), taking({ a: z.number() }), /input\.a: integer does not take number/],
  ])('%s: only from the first to the second', (_what, caller, callee, reason) => {
    expect(mismatch(caller, callee)).toBeUndefined();
    expect(mismatch(callee, caller)).toMatch(reason);
  });

  it.each([
    ['a new required input', taking({ a: z.string() }), taking({ a: z.string(), b: z.string() }), /input\.b: required/],
    ['a changed type', taking({ a: z.string() }), taking({ a: z.boolean() }), /input\.a: (string|boolean) does not take/],
    ['a changed format', taking({ a: z.guid() }), taking({ a: z.email() }), /input\.a: format/],
    ['a changed item', taking({ a: z.array(z.string()) }), taking({ a: z.array(z.int()) }), /input\.a\[\]/],
    [
      'a change deep inside',
      answering({ a: z.object({ b: z.array(z.object({ c: z.string() })) }) }),
      answering({ a: z.object({ b: z.array(z.object({ c: z.int() })) }) }),
      /output\.a\.b\[\]\.c/,
    ],
    ['another kind of map', taking({ a: z.record(z.string(), z.string()) }), taking({ a: z.record(z.string(), z.int()) }), /input\.a\.\*/],
  ])('%s: neither direction', (_what, before, after, reason) => {
    expect(mismatch(before, after)).toMatch(reason);
    expect(mismatch(after, before)).toBeDefined();
  });

  it('refuses an output that was removed', () => {
    expect(mismatch(answering({ a: z.string(), b: z.int() }), answering({ a: z.string() }))).toMatch(/output\.b: required/);
  });

  it('compares schemas that contain themselves', () => {
    const tree = <T extends z.ZodType>(leaf: T) => {
      const node: z.ZodType = z.object({ leaf, children: z.array(z.lazy(() => node)) });
      return shape(node);
    };
    expect(mismatch(tree(z.string()), tree(z.string().max(5)))).toBeUndefined();
    expect(mismatch(tree(z.string()), tree(z.int()))).toMatch(/leaf/);
  });

  it('names the operations of a contract that do not fit, new ones included', () => {
    const op = (input: z.ZodType) => query({ summary: '', access: 'internal', input, output: z.object({}) });
    const old = contractShape(contract('thing', { a: op(z.object({})), b: op(z.object({ x: z.string() })) }));
    const young = contractShape(
      contract('thing', { a: op(z.object({ y: z.int().optional() })), b: op(z.object({ x: z.int() })), c: op(z.object({})) }),
    );
    expect(mismatches(old, young).map(({ operation }) => operation)).toEqual(['thing.b']);
    expect(mismatches(young, old).map(({ operation }) => operation)).toEqual(['thing.b', 'thing.c']);
    expect(mismatches(old, old)).toEqual([]);
  });
});

/** Schemas small enough that two of them often fit, each with its values. */
const leaf = fc.constantFrom(z.string(), z.int(), z.number(), z.boolean(), z.literal('x'), z.enum(['x', 'y']), z.null());
const schema: fc.Arbitrary<z.ZodType> = fc.letrec<{ schema: z.ZodType; field: z.ZodType; object: z.ZodType }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 3 },
    leaf,
    tie('object'),
    fc.array(tie('schema'), { minLength: 1, maxLength: 2 }).map((all) => z.union(all)),
    tie('schema').map((item) => z.array(item)),
  ),
  field: fc.oneof(
    tie('schema'),
    tie('schema').map((one) => one.optional()),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('field'), { maxKeys: 3 }).map((fields) => z.object(fields)),
})).object;
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('x', 'y', 'z', 0, 1.5, true, null),
    tie('object'),
    fc.array(tie('value'), { maxLength: 2 }),
  ),
  object: fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value'), { maxKeys: 3 }),
})).object;

describe('compatibility, for any schemas', () => {
  it('what is allowed is understood: no value of one build is refused by the other', () => {
    let allowed = 0;
    fc.assert(
      fc.property(schema, schema, fc.array(value, { minLength: 20, maxLength: 20 }), (caller, callee, values) => {
        if (mismatch(shape(caller), shape(callee)) !== undefined) return;
        for (const { success, data } of values.map((one) => caller.safeParse(one))) {
          if (!success) continue;
          allowed++;
          expect(callee.safeParse(data).success).toBe(true);
        }
      }),
      { numRuns: 1_000 },
    );
    expect(allowed).toBeGreaterThan(0); // or the property says nothing
  });

  it('every build understands itself, and one with an optional input more', () => {
    fc.assert(
      fc.property(schema, schema, (before, more) => {
        const fields = (before as z.ZodObject).shape;
        const after = z.object({ ...fields, added: more.optional() });
        expect(mismatch(shape(before), shape(z.object({ ...fields })))).toBeUndefined();
        expect(mismatch(shape(before), shape(after))).toBeUndefined();
        expect(mismatch(shape(after), shape(before))).toBeUndefined();
      }),
    );
  });
});
