import type { Client } from 'pg';
import { makeLegacyDatabase, type LegacyDatabase } from '../legacy/legacy-database';
import { TEST_SECRET } from '../support/banyan';
import { signIn } from '../support/people';
import { checksumLegacy, fillLegacy, type FillReport } from './fill-legacy';
import { LegacyProcess } from './legacy-process';

const small = { users: 1000, messages: 5000, seed: 7, bcryptCost: 4 };

/** What a variant cannot hold. */
const impossible = {
  text: ['messages: content with a zero byte'],
  bytea: ['media: without a message', 'media: created_at null'],
};

describe.each(['text', 'bytea'] as const)('a filled database of the %s variant', (variant) => {
  let database: LegacyDatabase;
  let client: Client;
  let report: FillReport;

  beforeAll(async () => {
    database = await makeLegacyDatabase(variant);
    client = await database.connect();
    report = await fillLegacy(client, small);
  });

  afterAll(() => database?.drop());

  it('has what was asked for, and every oddity', () => {
    expect(report.rows).toMatchObject({ users: 1000, messages: 5000, groups: 100, group_messages: 400, invitations: 300 });
    const absent = Object.entries(report.oddities).filter(([, count]) => count === 0);
    expect(absent.map(([name]) => name)).toEqual(impossible[variant]);
  });

  it('refers to rows that exist only', async () => {
    const { rows: keys } = await client.query<{ sql: string }>(`
      SELECT format('SELECT count(*)::int AS lost FROM %s t WHERE %I IS NOT NULL AND NOT EXISTS (SELECT FROM %s r WHERE r.id = t.%2$I)',
        conrelid::regclass, attname, confrelid::regclass) AS sql
      FROM pg_constraint JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'`);
    expect(keys.length).toBeGreaterThan(10);
    for (const { sql } of keys) expect((await client.query<{ lost: number }>(sql)).rows[0]!.lost).toBe(0);
  });

  it('is the same for the same seed, and another for another', async () => {
    const sums = [];
    for (const seed of [7, 8]) {
      const again = await makeLegacyDatabase(variant);
      const other = await again.connect();
      await fillLegacy(other, { ...small, seed });
      sums.push(await checksumLegacy(other));
      await again.drop();
    }
    const own = await checksumLegacy(client);
    expect(sums[0]).toEqual(own);
    const filled = Object.entries(own).filter(([, sum]) => sum !== null);
    for (const [table, sum] of filled) expect(sums[1]![table]).not.toBe(sum);
    expect(filled).toHaveLength(8);
  });

  it('lets everybody sign in with the password of the report, whatever his hash looks like', async () => {
    const legacy = await LegacyProcess.start({ databaseUrl: database.url, secret: TEST_SECRET });
    try {
      for (const email of ['user8@example.com', 'user9@example.com', 'user499@example.com', 'User499@example.com']) {
        const { rows } = await client.query<{ other: string }>(
          `SELECT CASE WHEN m.sender_id = u.id THEN m.recipient_id ELSE m.sender_id END AS other
           FROM users u JOIN messages m ON u.id IN (m.sender_id, m.recipient_id) WHERE u.email = $1 LIMIT 1`,
          [email],
        );
        const person = await signIn(legacy.url, { email, password: report.password });
        const { body } = await person.get(`/messages/conversation/${rows[0]!.other}`).expect(200);
        expect((body as unknown[]).length).toBeGreaterThan(0);
      }
    } finally {
      await legacy.remove();
    }
  });
});
