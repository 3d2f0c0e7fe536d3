import { Client, escapeIdentifier } from 'pg';
import { MigrationExecutor } from 'typeorm';
import { StartupError } from '../config/startup-error';
import { openDataSource, type Migration } from './data-source';
import { sqlState } from './errors';
import { serverFault } from './server-fault';

export interface DatabasePlan {
  /** A server (its path is ignored) together with `database`, or a database itself. */
  readonly url: string;
  /** The database on the server of `url`; without it `url` names the database. */
  readonly database?: string;
  readonly schema: string;
  readonly role: string;
  /** `tables`: those with a legacy counterpart, left out on the legacy database, where they are views. `side`: real on either. */
  readonly histories: { readonly tables?: readonly Migration[]; readonly side: readonly Migration[] };
}

/** Advisory locks of a database: one for whoever creates roles and schemas, one for whoever migrates. "BNYN" */
const preparing = 'pg_advisory_lock(1112424782, 1)';
const migrating = 'pg_advisory_lock(1112424782, 2)';

/**
 * Creates what is missing: database, role (which cannot log in; the connecting user becomes its member), schema; then runs the
 * migrations that have not run. Safe to call from several starting processes at once; cheap when nothing is to be done.
 *
 * @returns the URL of the database
 * @throws StartupError
 */
export async function prepareDatabase(plan: DatabasePlan): Promise<string> {
  const url = databaseUrl(plan);
  try {
    const client = await connectOrCreate(url);
    try {
      await client.query(`SET lock_timeout = '60s'; SELECT ${preparing}`);
      await requireUtf8(client);
      await createRole(client, plan.role);
      await createSchema(client, plan);
    } finally {
      await client.end();
    }
    // The side history first: it depends on nothing, and a table migration may want to announce something.
    for (const history of ['side', 'tables'] as const) await runHistory(url, plan, history);
  } catch (error) {
    throw error instanceof StartupError ? error : new StartupError(serverFault(error, url), { cause: error });
  }
  return url;
}

function databaseUrl({ url, database }: DatabasePlan): string {
  const target = new URL(url);
  if (database !== undefined) target.pathname = `/${encodeURIComponent(database)}`;
  return target.href;
}

async function connectOrCreate(url: string): Promise<Client> {
  try {
    return await connect(url);
  } catch (error) {
    if (sqlState(error) !== '3D000') throw error;
  }
  const maintenance = new URL(url);
  const name = decodeURIComponent(maintenance.pathname.slice(1));
  maintenance.pathname = '/postgres';
  const client = await connect(maintenance.href);
  try {
    // template0: nobody can be connected to it, and it takes UTF8 whatever the server's own encoding.
    await tolerating(['42P04', '23505'], client.query(`CREATE DATABASE ${escapeIdentifier(name)} TEMPLATE template0 ENCODING 'UTF8'`));
  } finally {
    await client.end();
  }
  return connect(url);
}

async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, application_name: 'banyan prepare' });
  // Without a listener a connection that is lost between two statements would end the process; the next statement says it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

async function requireUtf8(client: Client): Promise<void> {
  const { rows } = await client.query<{ server_encoding: string }>('SHOW server_encoding');
  if (rows[0]?.server_encoding !== 'UTF8') {
    throw new StartupError(`The database "${client.database}" is encoded in ${rows[0]?.server_encoding}: create it with ENCODING 'UTF8'.`);
  }
}

/** Roles belong to the server and not to the database, so the lock does not keep another database's preparation away. */
async function createRole(client: Client, role: string): Promise<void> {
  const name = escapeIdentifier(role);
  const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role]);
  if (rowCount === 0) await tolerating(['42710', '23505'], client.query(`CREATE ROLE ${name} NOLOGIN`));
  for (let attempt = 1; !(await canBecome(client, name)); attempt++) {
    // "tuple concurrently updated": somebody grants the same at the same moment.
    await tolerating(attempt < 5 ? ['XX000', '23505'] : [], client.query(`GRANT ${name} TO CURRENT_USER`));
  }
}

/** Asked by trying: since version 16 membership alone does not include the right to SET ROLE, and before it there is no such question. */
async function canBecome(client: Client, name: string): Promise<boolean> {
  try {
    await client.query(`SET ROLE ${name}`);
    await client.query('RESET ROLE');
    return true;
  } catch (error) {
    if (sqlState(error) === '42501') return false;
    throw error;
  }
}

/** One that somebody else owns is used as it is where the role may create in it: on the legacy data home it has views that the role must not change. */
async function createSchema(client: Client, { schema, role }: DatabasePlan): Promise<void> {
  // Looked up first: "IF NOT EXISTS" asks for the right to create even when there is nothing to create.
  const { rows } = await client.query<{ usable: boolean }>(
    `SELECT pg_get_userbyid(nspowner) = $2 OR has_schema_privilege($2, oid, 'CREATE') AS usable FROM pg_namespace WHERE nspname = $1`,
    [schema, role],
  );
  const [name, owner] = [escapeIdentifier(schema), escapeIdentifier(role)];
  if (rows[0] === undefined) await client.query(`CREATE SCHEMA ${name} AUTHORIZATION ${owner}`);
  else if (!rows[0].usable) await client.query(`ALTER SCHEMA ${name} OWNER TO ${owner}`);
}

async function runHistory(url: string, plan: DatabasePlan, history: 'side' | 'tables'): Promise<void> {
  const migrations = plan.histories[history] ?? [];
  if (migrations.length === 0) return;
  const dataSource = await openDataSource({
    url,
    schema: plan.schema,
    role: plan.role,
    poolSize: 1,
    applicationName: 'banyan migrate',
    statementTimeoutMs: 0,
    history: { table: `migrations_${history}`, migrations },
  });
  // Lock and migrations share one session: whoever loses it, frozen or killed, has lost both.
  const runner = dataSource.createQueryRunner();
  try {
    await runner.query("SET lock_timeout = '10min'");
    await runner.query(`SELECT ${migrating}`);
    const executor = new MigrationExecutor(dataSource, runner);
    executor.transaction = 'each';
    await executor.executePendingMigrations();
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
}

async function tolerating(states: readonly string[], statement: Promise<unknown>): Promise<void> {
  try {
    await statement;
  } catch (error) {
    if (!states.includes(sqlState(error) ?? '')) throw error;
  }
}
