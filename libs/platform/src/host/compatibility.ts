import type { OperationShape } from './instances';
import { canonical, type ContractShape } from './shapes';

type Schema = Readonly<Record<string, unknown>>;

/** Why `caller`'s build must not call `callee`'s for one operation, or undefined if it may. Cached for each pair of hashes. */
export function mismatch(caller: OperationShape, callee: OperationShape): string | undefined {
  if (caller.hash === callee.hash) return undefined;
  const pair = `${caller.hash} ${callee.hash}`;
  if (!judged.has(pair)) {
    if (judged.size >= MAX_JUDGED) judged.clear();
    judged.set(
      pair,
      // Whatever the caller sends must be taken, whatever comes back must be understood.
      new Comparison(callee.input, caller.input, 'input').fault() ?? new Comparison(caller.output, callee.output, 'output').fault(),
    );
  }
  return judged.get(pair);
}

/** Every operation of `caller`'s build that `callee`'s does not serve in a way it understands, with the reason. */
export function mismatches(caller: ContractShape, callee: ContractShape): { operation: string; reason: string }[] {
  if (caller.hash === callee.hash) return [];
  return [...caller.operations].flatMap(([operation, shape]) => {
    const other = callee.operations.get(operation);
    const reason = other ? mismatch(shape, other) : 'not served by that build';
    return reason === undefined ? [] : [{ operation, reason }];
  });
}

const MAX_JUDGED = 10_000;
const judged = new Map<string, string | undefined>();

/**
 * Whether every value of one schema can be read by the other, as far as structure goes: types, properties, alternatives, formats.
 * Additions pass: an optional input that the other build does not know, an output that it does not read. Bounds (lengths, ranges,
 * patterns) are no structure; a value beyond them is refused in words by either build.
 */
class Comparison {
  private readonly running = new Set<string>();

  constructor(
    private readonly reader: unknown,
    private readonly writer: unknown,
    private readonly side: 'input' | 'output',
  ) {}

  fault(): string | undefined {
    return this.compare(this.reader, this.writer, this.side);
  }

  private compare(reads: unknown, writes: unknown, path: string): string | undefined {
    const readers = this.alternatives(reads, this.reader);
    const writers = this.alternatives(writes, this.writer);
    if (readers.some(isAnything)) return undefined;
    for (const writer of writers) {
      let first: string | undefined;
      const isRead = readers.some((reader) => {
        const fault = this.compareOne(reader, writer, path);
        if (typeOf(reader) === typeOf(writer)) first ??= fault;
        return fault === undefined;
      });
      if (!isRead) return first ?? `${path}: ${this.words(readers)} does not take ${this.words([writer])}`;
    }
    return undefined;
  }

  private compareOne(reader: Schema, writer: Schema, path: string): string | undefined {
    const [wanted, given] = [typeOf(reader), typeOf(writer)];
    if (wanted === undefined) return undefined;
    if (wanted !== given && !(wanted === 'number' && given === 'integer'))
      return `${path}: ${wanted} does not take ${given ?? 'any value'}`;
    const choice = chosen(reader, writer);
    if (choice !== undefined) return `${path}: ${choice}`;
    if (reader.format !== undefined && wanted === 'string' && reader.format !== writer.format && !isConstant(writer)) {
      return `${path}: format ${String(reader.format)} does not take ${writer.format === undefined ? 'any text' : String(writer.format)}`;
    }
    if (wanted === 'array') return this.compareItems(reader, writer, path);
    return wanted === 'object' ? this.compareObjects(reader, writer, path) : undefined;
  }

  private compareItems(reader: Schema, writer: Schema, path: string): string | undefined {
    const [wanted, given] = [reader.prefixItems, writer.prefixItems] as [unknown[] | undefined, unknown[] | undefined];
    if (wanted?.length !== given?.length) return `${path}: a list of another length`;
    for (const [index, item] of (wanted ?? []).entries()) {
      const fault = this.compare(item, given?.[index], `${path}[${index}]`);
      if (fault) return fault;
    }
    return this.compare(reader.items ?? {}, writer.items ?? {}, `${path}[]`);
  }

  private compareObjects(reader: Schema, writer: Schema, path: string): string | undefined {
    // A schema that contains itself: this pair is being compared further out, and what is different will be found there.
    const pair = canonical([reader, writer]);
    if (this.running.has(pair)) return undefined;
    this.running.add(pair);
    try {
      const [wanted, given] = [propertiesOf(reader), propertiesOf(writer)];
      for (const name of namesOf(reader.required)) {
        if (!namesOf(writer.required).includes(name)) return `${path}.${name}: required, and the other build may leave it out`;
      }
      for (const name of namesOf(writer.required)) {
        // What a caller must say is more than an addition: a build that does not listen would do something else.
        if (this.side === 'input' && !(name in wanted) && !hasOtherKeys(reader))
          return `${path}.${name}: required, and the other build ignores it`;
      }
      for (const [name, schema] of Object.entries(wanted)) {
        const other = name in given ? given[name] : otherKeysOf(writer);
        const fault = other === undefined ? undefined : this.compare(schema, other, `${path}.${name}`);
        if (fault) return fault;
      }
      return hasOtherKeys(reader) ? this.compareOtherKeys(reader, writer, path) : undefined;
    } finally {
      this.running.delete(pair);
    }
  }

  /** A record reads every key that is not named. */
  private compareOtherKeys(reader: Schema, writer: Schema, path: string): string | undefined {
    const named = propertiesOf(reader);
    const unnamed = Object.entries(propertiesOf(writer)).filter(([name]) => !(name in named));
    const others = otherKeysOf(writer);
    for (const [name, schema] of others === undefined ? unnamed : [...unnamed, ['*', others] as const]) {
      const fault = this.compare(reader.additionalProperties, schema, `${path}.${name}`);
      if (fault) return fault;
    }
    return undefined;
  }

  /** A schema as the list of what it may be: references followed, unions and lists of types taken apart. */
  private alternatives(schema: unknown, root: unknown): Schema[] {
    if (schema === false) return [];
    if (typeof schema !== 'object' || schema === null) return [{}];
    const one = schema as Schema;
    if (typeof one.$ref === 'string') return this.alternatives(resolve(one.$ref, root), root);
    const union = (one.anyOf ?? one.oneOf) as unknown[] | undefined;
    if (union) return union.flatMap((alternative) => this.alternatives(alternative, root));
    if (Array.isArray(one.type)) return one.type.map((type: unknown) => ({ ...one, type }));
    if (one.type === undefined && isConstant(one)) return [{ ...one, type: jsonTypeOf(one.const ?? (one.enum as unknown[])[0]) }];
    return [one];
  }

  private words(schemas: readonly Schema[]): string {
    return [...new Set(schemas.map((schema) => typeOf(schema) ?? 'any value'))].join(' or ') || 'nothing';
  }
}

const isAnything = (schema: Schema): boolean => typeOf(schema) === undefined;
const isConstant = (schema: Schema): boolean => 'const' in schema || Array.isArray(schema.enum);
const typeOf = (schema: Schema): string | undefined => schema.type as string | undefined;
const propertiesOf = (schema: Schema) => (schema.properties ?? {}) as Readonly<Record<string, unknown>>;
const namesOf = (list: unknown): readonly string[] => (Array.isArray(list) ? (list as string[]) : []);
/** Contracts ignore unknown keys, whatever a schema says about them, unless it says what they are. */
const hasOtherKeys = ({ additionalProperties: others }: Schema): boolean => typeof others === 'object' && others !== null;
const otherKeysOf = (schema: Schema): unknown => (hasOtherKeys(schema) ? schema.additionalProperties : undefined);

function chosen(reader: Schema, writer: Schema): string | undefined {
  if (!isConstant(reader)) return undefined;
  if (!isConstant(writer)) return `takes ${valuesOf(reader).join(', ')} only`;
  const unknown = valuesOf(writer).filter((value) => !valuesOf(reader).includes(value));
  return unknown.length > 0 ? `does not know ${unknown.join(', ')}` : undefined;
}

const valuesOf = (schema: Schema): string[] => ('const' in schema ? [schema.const] : (schema.enum as unknown[])).map(canonical);

function jsonTypeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  return Number.isInteger(value) ? 'integer' : typeof value;
}

/** `#/$defs/name`, or `#` for the whole. */
function resolve(reference: string, root: unknown): unknown {
  return reference
    .split('/')
    .slice(1)
    .reduce<unknown>((schema, key) => (schema as Record<string, unknown> | undefined)?.[key], root);
}
