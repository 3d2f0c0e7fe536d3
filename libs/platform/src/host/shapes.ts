import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Contract, Operation } from '../contract';
import type { OperationShape } from './instances';

/** A contract as its build promises it, comparable with another build's. */
export interface ContractShape {
  readonly hash: string;
  readonly domain: string;
  /** By operation name. */
  readonly operations: ReadonlyMap<string, OperationShape>;
}

const known = new WeakMap<Operation, OperationShape>();

/** What crosses the wire: what a caller writes (before defaults), and what comes back. */
export function shapeOf(operation: Operation): OperationShape {
  let shape = known.get(operation);
  if (!shape) {
    const [input, output] = [jsonSchema(operation.input, 'input'), jsonSchema(operation.output, 'output')];
    shape = { hash: hashOf([input, output]), input, output };
    known.set(operation, shape);
  }
  return shape;
}

export function contractShape({ domain, operations }: Contract): ContractShape {
  const shapes = new Map(Object.values(operations).map((operation) => [operation.name, shapeOf(operation)]));
  return { hash: hashOf([domain, ...[...shapes].map(([name, { hash }]) => [name, hash]).sort()]), domain, operations: shapes };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): unknown {
  return z.toJSONSchema(schema, { io, unrepresentable: 'any', target: 'draft-2020-12' });
}

/** The same for the same JSON, in whatever order its keys were written. */
export function hashOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('base64url').slice(0, 22);
}

export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
