import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { Operation } from '@banyan/platform/contract';

interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly minLength?: number;
  readonly minimum?: number;
  readonly minItems?: number;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

/** Ids that exist, by the name of the field; `id` for those of any other name. */
export type KnownIds = Readonly<{ id: string } & Record<string, string>>;

function schemaOf(operation: Operation): Schema {
  return z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' }) as Schema;
}

/** Every field that an operation reads. */
export function fieldsOf(operation: Operation): string[] {
  return Object.keys(schemaOf(operation).properties ?? {});
}

/** An input that the contract takes, with as little as it needs; texts are new each time, so that nothing is taken already. */
export function validInput(operation: Operation, ids: KnownIds): Record<string, unknown> {
  return validObject(schemaOf(operation), ids);
}

function validObject({ properties = {}, required = [] }: Schema, ids: KnownIds): Record<string, unknown> {
  return Object.fromEntries(required.map((name) => [name, validValue(properties[name] ?? {}, name, ids)]));
}

function validValue(schema: Schema, name: string, ids: KnownIds): unknown {
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return validValue(schema.anyOf[0]!, name, ids);
  switch (schema.type) {
    case 'string':
      if (schema.format === 'uuid') return ids[name] ?? ids.id;
      if (schema.format === 'email') return `${randomUUID()}@example.com`;
      if (schema.format === 'date-time') return '2026-01-30T12:57:45.421392Z';
      return randomUUID().padEnd(schema.minLength ?? 0, 'x');
    case 'integer':
    case 'number':
      return schema.minimum ?? 1;
    case 'boolean':
      return true;
    case 'array':
      return Array.from({ length: schema.minItems ?? 0 }, () => validValue(schema.items ?? {}, name, ids));
    case 'object':
      return validObject(schema, ids);
    default:
      return null;
  }
}
