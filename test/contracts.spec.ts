import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Contract, EventDefinition } from '@banyan/platform/contract';
import { z } from 'zod';
import { contracts } from '../apps/server/src/domains';

/**
 * All that others rely on, a file for each domain: who changes a contract sees in one file what he changes for others.
 * `UPDATE_SNAPSHOTS=1 npm test -- test/contracts` takes the change.
 */
it.each(contracts.map((contract) => [contract.domain, contract] as const))(
  '%s promises what test/snapshots says',
  async (domain, contract) => {
    const promises = { operations: operationsOf(contract), events: await eventsOf(domain) };
    const file = join(__dirname, 'snapshots', `${domain}.json`);
    if (process.env.UPDATE_SNAPSHOTS) writeFileSync(file, `${JSON.stringify(promises, null, 2)}\n`);
    expect(promises).toEqual(JSON.parse(readFileSync(file, 'utf8')));
  },
);

/** What is not here (a summary, a limit, a time) may change without anybody noticing. */
function operationsOf({ operations }: Contract) {
  return Object.fromEntries(
    Object.values(operations).map(({ name, kind, http, access, repeatable, input, output, errors }) => [
      name,
      {
        kind,
        access,
        repeatable,
        http: http.map(({ method, path, argumentsIn }) => `${method} ${path} (${argumentsIn})`),
        errors: errors.map(({ status, code, detail }) => `${status} ${code}: ${detail}`),
        input: schemaOf(input, 'input'),
        output: schemaOf(output, 'output'),
      },
    ]),
  );
}

async function eventsOf(domain: string) {
  const exported = Object.values((await import(`@banyan/${domain}/contract`)) as Record<string, unknown>);
  const events = exported.filter((value): value is EventDefinition => (value as Partial<EventDefinition> | undefined)?.kind === 'event');
  return Object.fromEntries(events.map(({ name, schema }) => [name, schemaOf(schema, 'output')]));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output') {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return JSON.parse(JSON.stringify(rest)) as unknown;
}
