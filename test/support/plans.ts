import { Database, type Transaction } from '@banyan/platform/database/database';
import type { Statement } from '@banyan/platform/database/sql';
import type { Client } from 'pg';

/**
 * How PostgreSQL would run what a store says, whatever the values: the plan that a prepared statement ends up with.
 *
 * @returns the plans of all statements of `use`, as text
 */
export async function genericPlans(client: Client, use: (database: Database, tx: Transaction) => Promise<unknown>): Promise<string> {
  const recorder = new Recorder();
  await use(recorder, Object.assign(recorder, { onCommit: () => undefined })).catch(() => undefined); // it gets no rows
  if (recorder.statements.length === 0) throw new Error('nothing was asked');
  await client.query('SET plan_cache_mode = force_generic_plan');
  const plans: string[] = [];
  for (const { text, values } of recorder.statements) {
    await client.query(`PREPARE spec AS ${text}`);
    const { rows } = await client.query<Record<string, string>>(
      `EXPLAIN EXECUTE spec ${values.length > 0 ? `(${values.map(() => 'NULL').join()})` : ''}`,
    );
    await client.query(`DEALLOCATE spec`);
    plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
  }
  return plans.join('\n');
}

/** Takes statements and runs none. */
class Recorder extends Database {
  readonly statements: Statement[] = [];

  constructor() {
    super(() => {
      throw new Error('only for its statements');
    });
  }

  override async query<Row>(statement: Statement<Row>): Promise<Row[]> {
    this.statements.push(statement as Statement);
    return [];
  }
}
