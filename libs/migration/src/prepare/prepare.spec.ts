import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import type { Client } from 'pg';
import { makeLegacyDatabase, processId, untilBlocked, type LegacyDatabase } from '../../../../test/legacy/legacy-database';
import { legacyVariant, LegacyUnfit } from './inspect';
import { variants } from './kinds';
import { LegacyBusy, prepareLegacy, removeLegacy } from './prepare';

const indexNames = [
  'banyan_contacts_contact',
  'banyan_group_members_added_by',
  'banyan_group_members_pair',
  'banyan_group_members_user',
  'banyan_group_messages_history',
  'banyan_group_messages_sender',
  'banyan_group_read_receipts_pair',
  'banyan_group_read_receipts_user',
  'banyan_groups_admin',
  'banyan_invitations_inviter',
  'banyan_invitations_invitee',
  'banyan_messages_conversation',
  'banyan_user_profiles_beginning',
  'banyan_user_profiles_trigrams',
];
let database: LegacyDatabase;
let client: Client;

async function make(variant: 'text' | 'bytea'): Promise<void> {
  database = await makeLegacyDatabase(variant);
  client = await database.connect();
}
afterEach(() => database.drop());

/** The schema as SQL. Recent versions of pg_dump frame it with a random key. */
function dump(): string {
  const debian = '/usr/lib/postgresql/15/bin/pg_dump';
  const sql = execFileSync(existsSync(debian) ? debian : 'pg_dump', ['--schema-only', database.url], { encoding: 'utf8' });
  return sql.replace(/^\\(un)?restrict .*$/gm, '');
}

/** Our indexes and whether each is valid. */
async function indexes(): Promise<Record<string, boolean>> {
  const { rows } = await client.query<{ name: string; valid: boolean }>(
    `SELECT c.relname AS name, i.indisvalid AS valid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE 'banyan\\_%'
       AND c.relnamespace = 'public'::regnamespace`,
  );
  return Object.fromEntries(rows.map(({ name, valid }) => [name, valid]));
}
const allValid = Object.fromEntries(indexNames.map((name) => [name, true]));

describe.each(variants)('preparing a legacy database of the %s variant', (variant) => {
  beforeEach(() => make(variant));

  it('tells the variant by the types of the columns', async () => {
    await expect(legacyVariant(client)).resolves.toBe(variant);
  });

  it('leaves the schema as it was after removal, side tables included', async () => {
    const before = dump();
    await prepareLegacy(client);
    const asDomain = await database.connect({ role: 'banyan_message' });
    await asDomain.query('CREATE TABLE banyan_message.deliveries (message_id uuid PRIMARY KEY); CREATE SEQUENCE banyan_message.positions');
    expect(dump()).not.toBe(before);
    await removeLegacy(client);
    expect(dump()).toBe(before);
    await expect(removeLegacy(client)).resolves.toBeDefined();
    expect(dump()).toBe(before);
  });

  it('says with dryRun what it would do, and does nothing', async () => {
    const before = dump();
    const planned = await prepareLegacy(client, { dryRun: true });
    expect(planned.variant).toBe(variant);
    expect(planned.statements.join('\n')).toMatch(
      /CREATE VIEW banyan_message\.messages[^]*CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_messages_conversation/,
    );
    expect(dump()).toBe(before);
    expect(await prepareLegacy(client)).toEqual(planned);
  });

  it('has nothing to do the second time, and repairs what is missing or of an older version without touching side tables', async () => {
    await prepareLegacy(client);
    const prepared = dump();
    expect((await prepareLegacy(client)).statements).toEqual([]);

    const pending = randomUUID();
    await client.query('INSERT INTO banyan_user.profile_pending VALUES ($1)', [pending]);
    await client.query(
      `DROP VIEW banyan_user.contacts; COMMENT ON SCHEMA banyan_user IS 'banyan views of an older version'; DROP INDEX banyan_contacts_contact`,
    );
    expect((await prepareLegacy(client)).statements).toHaveLength(2);
    expect(dump()).toBe(prepared);
    expect((await client.query('SELECT id FROM banyan_user.profile_pending')).rows).toEqual([{ id: pending }]);
  });

  it('finishes after it was stopped while it built an index', async () => {
    const writer = await database.connect(); // its open transaction holds the build up
    await writer.query('BEGIN; LOCK TABLE messages IN ROW EXCLUSIVE MODE');
    const stopped = await database.connect();
    const [pid, by] = [await processId(stopped), await processId(writer)];
    const preparing = prepareLegacy(stopped).then(
      () => undefined,
      (error: { code: string }) => error.code,
    );
    await untilBlocked(client, { pid, by }, preparing);
    await client.query('SELECT pg_cancel_backend($1)', [pid]);
    expect(await preparing).toBe('57014');
    await writer.query('COMMIT');
    const before = await indexes();
    expect(before).toEqual({ ...Object.fromEntries(Object.keys(before).map((name) => [name, true])), banyan_messages_conversation: false });
    const unbuilt = indexNames
      .filter((name) => before[name] === undefined)
      .map(() => expect.stringContaining('CREATE INDEX CONCURRENTLY') as string);

    expect((await prepareLegacy(client)).statements).toEqual([
      'DROP INDEX CONCURRENTLY public.banyan_messages_conversation;',
      expect.stringContaining('CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_messages_conversation'),
      ...unbuilt,
    ]);
    expect(await indexes()).toEqual(allValid);
  });
});

describe('preparing', () => {
  beforeEach(() => make('text'));

  it('lets one at a time do it, and says so to the other', async () => {
    const outcomes = await Promise.allSettled([prepareLegacy(client), prepareLegacy(await database.connect())]);
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    for (const { reason } of failed) expect(reason).toBeInstanceOf(LegacyBusy);
    expect(failed.length).toBeLessThan(2);
    expect(await indexes()).toEqual(allValid);
    expect((await prepareLegacy(client)).statements).toEqual([]); // the lock was given back
  });

  it('refuses a database that is not legacy’s, naming what is wrong', async () => {
    await client.query('ALTER TABLE messages ALTER COLUMN encrypted_content TYPE bytea USING NULL');
    await expect(legacyVariant(client)).rejects.toThrow('column public.messages.encrypted_content is bytea, not character varying or text');
    await client.query(
      'ALTER TABLE users DROP COLUMN bio; ALTER TABLE contacts ALTER COLUMN created_at TYPE timestamptz; DROP TABLE group_read_receipts',
    );
    const before = dump();
    const error: unknown = await prepareLegacy(client).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(LegacyUnfit);
    expect((error as LegacyUnfit).faults).toEqual(
      expect.arrayContaining([
        expect.stringContaining('table public.group_read_receipts is missing'),
        'column public.users.bio is missing',
        'column public.contacts.created_at is timestamp with time zone, not timestamp without time zone',
      ]),
    );
    expect(dump()).toBe(before);
  });

  it('is not misled by alembic_version', async () => {
    await client.query(
      "CREATE TABLE alembic_version (version_num varchar(32)); INSERT INTO alembic_version VALUES ('add_user_key_backup')",
    );
    await expect(legacyVariant(client)).resolves.toBe('text');
  });
});

describe('the rights of who prepares', () => {
  const name = `legacy_owner_${randomUUID().replaceAll('-', '')}`;
  beforeEach(() => make('text'));
  afterEach(async () => {
    // before the file's own afterEach drops the database
    await client.query(`RESET ROLE; REASSIGN OWNED BY ${name} TO CURRENT_USER; DROP OWNED BY ${name}; DROP ROLE ${name}`);
  });

  /** Legacy's own login, with the rights that a hosted database usually gives it. */
  async function owner(rights: string): Promise<Client> {
    await client.query(`CREATE ROLE ${name} LOGIN PASSWORD '${name}' ${rights}`);
    for (const { table } of (await client.query<{ table: string }>(`SELECT tablename AS table FROM pg_tables WHERE schemaname = 'public'`))
      .rows) {
      await client.query(`ALTER TABLE public.${table} OWNER TO ${name}`);
    }
    await client.query(`GRANT CREATE ON DATABASE ${database.name} TO ${name}; GRANT CREATE ON SCHEMA public TO ${name}`);
    return database.connect({ user: name });
  }

  it('suffice without a superuser, and the same login can then take the roles on', async () => {
    const own = await owner('CREATEROLE');
    await prepareLegacy(own);
    await own.query('SET ROLE banyan_message');
    await expect(own.query('SELECT * FROM banyan_message.messages')).resolves.toMatchObject({ rowCount: 0 });
    await expect(own.query('SELECT * FROM public.messages')).rejects.toMatchObject({ code: '42501' });
    await own.query('RESET ROLE');
    await removeLegacy(own);
    expect(await indexes()).toEqual({});
  });

  it('are asked for in sentences that say what to do, before anything is changed', async () => {
    const own = await owner('');
    const someoneElse = `ALTER TABLE public.contacts OWNER TO CURRENT_USER; REVOKE CREATE ON DATABASE ${database.name} FROM ${name}; REVOKE CREATE ON SCHEMA public FROM ${name}`;
    await client.query(someoneElse);
    await client.query('GRANT SELECT ON contacts TO PUBLIC');
    const before = dump();
    const error = (await prepareLegacy(own).catch((reason: unknown) => reason)) as LegacyUnfit;
    expect(error).toBeInstanceOf(LegacyUnfit);
    expect(error.faults).toEqual(
      expect.arrayContaining([
        `${name} may not create schemas: GRANT CREATE ON DATABASE "${database.name}" TO "${name}"`,
        `${name} may not create indexes beside legacy's: GRANT CREATE ON SCHEMA public TO "${name}"`,
        `${name} does not own the tables contacts: prepare with the login that owns them`,
        expect.stringMatching(/may not create the roles .*CREATEROLE|is no member of the roles .*GRANT/),
      ]),
    );
    expect(dump()).toBe(before);
  });

  it('need no CREATEROLE where the roles exist and were granted', async () => {
    const other = await makeLegacyDatabase('text');
    try {
      await prepareLegacy(await other.connect()); // the roles exist, and stay while this database uses them
      const own = await owner('');
      await client.query(`GRANT banyan_auth, banyan_user, banyan_message, banyan_group, banyan_media TO ${name}`);
      await expect(prepareLegacy(own)).resolves.toMatchObject({ variant: 'text' });
    } finally {
      await other.drop();
    }
  });
});

describe('roles', () => {
  beforeEach(() => make('text'));

  it('stay while another database of the server uses them', async () => {
    const other = await makeLegacyDatabase('bytea');
    try {
      await prepareLegacy(await other.connect());
      await prepareLegacy(client);
      expect(await removeLegacy(client)).toEqual({
        rolesKept: ['banyan_auth', 'banyan_user', 'banyan_message', 'banyan_group', 'banyan_media'],
      });
      const asDomain = await other.connect({ role: 'banyan_user' });
      await expect(asDomain.query('SELECT * FROM banyan_user.contacts')).resolves.toMatchObject({ rowCount: 0 });
    } finally {
      await other.drop();
    }
  });
});
