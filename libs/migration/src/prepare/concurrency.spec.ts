import { randomUUID } from 'node:crypto';
import type { Client, QueryResult } from 'pg';
import { processId, untilBlocked } from '../../../../test/legacy/legacy-database';
import { makeLegacyHome, one, type LegacyHome } from '../../../../test/legacy/legacy-home';
import { variants } from './kinds';

type Ended = Pick<QueryResult, 'rowCount'> | { code: string };

describe.each(variants)('two at once through views over the %s variant', (variant) => {
  let home: LegacyHome;
  let legacy: Client;
  let firstMessage: Client;
  let secondMessage: Client;

  beforeAll(async () => {
    home = await makeLegacyHome(variant);
    ({ legacy, message: firstMessage } = home);
    secondMessage = await home.database.connect({ role: 'banyan_message' });
  });
  afterAll(() => home.database.drop());

  /**
   * `first` runs in an open transaction, `second` starts and waits for its lock (the server says so), `first` ends; how `second` ended.
   * A second that fails does so in autocommit, so that `again` may run it as a store's retry would.
   */
  async function race(
    first: { client: Client; sql: string; values?: unknown[]; end?: 'COMMIT' | 'ROLLBACK' },
    second: { client: Client; sql: string; values?: unknown[] },
  ): Promise<{ first: number; second: Ended; again: () => Promise<number> }> {
    const [pid, by] = [await processId(second.client), await processId(first.client)];
    await first.client.query('BEGIN');
    const done = await first.client.query(first.sql, first.values);
    const waiting: Promise<Ended> = second.client.query(second.sql, second.values).then(
      ({ rowCount }) => ({ rowCount }),
      (error: { code: string }) => ({ code: error.code }),
    );
    await untilBlocked(legacy, { pid, by }, waiting).finally(() => first.client.query(first.end ?? 'COMMIT'));
    return {
      first: done.rowCount!,
      second: await waiting,
      again: async () => (await second.client.query(second.sql, second.values)).rowCount!,
    };
  }

  async function message(): Promise<string> {
    const self = await home.legacyUser();
    return home.legacyMessage({ sender_id: self, recipient_id: self });
  }

  const claim = 'UPDATE banyan_message.messages SET is_read = true WHERE id = $1 AND NOT is_read RETURNING id';
  const remove = 'DELETE FROM banyan_message.messages WHERE id = $1 RETURNING id';
  const serialization = { code: '40001' };

  it('lets one of two claims win; the other is told to look again, and then finds nothing', async () => {
    const id = await message();
    const { first, second, again } = await race(
      { client: firstMessage, sql: claim, values: [id] },
      { client: secondMessage, sql: claim, values: [id] },
    );
    expect(first).toBe(1);
    expect(second).toEqual(serialization);
    expect(await again()).toBe(0);
  });

  it('lets the second claim win when the first is rolled back', async () => {
    const id = await message();
    const { second } = await race(
      { client: firstMessage, sql: claim, values: [id], end: 'ROLLBACK' },
      { client: secondMessage, sql: claim, values: [id] },
    );
    expect(second).toEqual({ rowCount: 1 });
  });

  it('loses no column when two change different ones, be the other legacy itself', async () => {
    const mark = 'UPDATE banyan_message.messages SET has_media = true WHERE id = $1';
    for (const [client, sql] of [
      [firstMessage, 'UPDATE banyan_message.messages SET is_deleted = true WHERE id = $1'],
      [await home.database.connect(), 'UPDATE public.messages SET is_deleted = true WHERE id = $1'],
    ] as const) {
      const id = await message();
      const { second, again } = await race({ client, sql, values: [id] }, { client: secondMessage, sql: mark, values: [id] });
      expect(second).toEqual(serialization);
      expect(await again()).toBe(1);
      expect(await one(legacy, 'SELECT is_deleted, has_media FROM messages WHERE id = $1', [id])).toEqual({
        is_deleted: true,
        has_media: true,
      });
    }
  });

  it('tells a claim of a row that is deleted meanwhile that there is none, and a delete of a changed row to look again', async () => {
    const gone = await message();
    expect(
      await race({ client: firstMessage, sql: remove, values: [gone] }, { client: secondMessage, sql: claim, values: [gone] }),
    ).toMatchObject({
      first: 1,
      second: { rowCount: 0 },
    });
    const changed = await message();
    const { second, again } = await race(
      { client: firstMessage, sql: claim, values: [changed] },
      { client: secondMessage, sql: remove, values: [changed] },
    );
    expect(second).toEqual(serialization);
    expect(await again()).toBe(1);
  });

  it('counts two deletes of one row once', async () => {
    const id = await message();
    expect(
      await race({ client: firstMessage, sql: remove, values: [id] }, { client: secondMessage, sql: remove, values: [id] }),
    ).toMatchObject({
      first: 1,
      second: { rowCount: 0 },
    });
  });

  it('inserts one of two rows with the same key', async () => {
    const self = await home.legacyUser();
    const values = [randomUUID(), self];
    const insert = `
      INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key) VALUES ($1, $2, $2, 'c', 'k')
      ON CONFLICT DO NOTHING RETURNING id`;
    expect(await race({ client: firstMessage, sql: insert, values }, { client: secondMessage, sql: insert, values })).toMatchObject({
      first: 1,
      second: { rowCount: 0 },
    });
  });

  it('waits like a table when the row is locked first and changed in a second statement', async () => {
    const id = await message();
    const lock = 'SELECT id FROM banyan_message.messages WHERE id = $1 AND NOT is_read FOR UPDATE';
    const { second } = await race({ client: firstMessage, sql: claim, values: [id] }, { client: secondMessage, sql: lock, values: [id] });
    expect(second).toEqual({ rowCount: 0 });
    const other = await message();
    await secondMessage.query('BEGIN');
    const locked = await race(
      { client: firstMessage, sql: 'UPDATE banyan_message.messages SET has_media = true WHERE id = $1', values: [other] },
      { client: secondMessage, sql: lock, values: [other] },
    );
    expect(locked.second).toEqual({ rowCount: 1 });
    expect((await secondMessage.query(claim, [other])).rowCount).toBe(1);
    await secondMessage.query('COMMIT');
    expect(await one(legacy, 'SELECT is_read, has_media FROM messages WHERE id = $1', [other])).toEqual({ is_read: true, has_media: true });
  });

  it('is not disturbed by locks alone', async () => {
    const id = await message();
    const { second } = await race(
      { client: firstMessage, sql: 'SELECT id FROM banyan_message.messages WHERE id = $1 FOR UPDATE', values: [id] },
      { client: secondMessage, sql: claim, values: [id] },
    );
    expect(second).toEqual({ rowCount: 1 });
  });

  it('creates a profile once, and an account that is removed meanwhile takes it along', async () => {
    const profile = `INSERT INTO banyan_user.user_profiles (id, full_name) VALUES ($1, 'Ada') ON CONFLICT DO NOTHING RETURNING id`;
    const otherUser = await home.database.connect({ role: 'banyan_user' });
    const id = await home.register();
    expect(await race({ client: home.user, sql: profile, values: [id] }, { client: otherUser, sql: profile, values: [id] })).toMatchObject({
      first: 1,
      second: { rowCount: 0 },
    });

    const removeAccount = 'DELETE FROM banyan_auth.users WHERE id = $1';
    const late = await home.register();
    expect(
      await race({ client: home.auth, sql: removeAccount, values: [late] }, { client: home.user, sql: profile, values: [late] }),
    ).toMatchObject({
      first: 1,
      second: { code: '23503' },
    });

    const early = await home.register();
    const { second, again } = await race(
      { client: home.user, sql: profile, values: [early] },
      { client: home.auth, sql: removeAccount, values: [early] },
    );
    expect(second).toEqual(serialization);
    expect(await again()).toBe(1);
  });

  it('removes an account with what is added while its removal waits, and refuses what comes after', async () => {
    const removeAccount = 'DELETE FROM banyan_auth.users WHERE id = $1';
    const cascades = {
      client: firstMessage,
      sql: `INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key) VALUES ($1, $2, $2, 'c', 'k')
            ON CONFLICT DO NOTHING RETURNING id`,
    };
    const doesNot = {
      client: home.user,
      sql: `INSERT INTO banyan_user.invitations (id, inviter_id, invitee_email, invitation_token, expires_at) VALUES ($1::uuid, $2, 'a@example.com', $1::uuid::text, now())
            ON CONFLICT DO NOTHING RETURNING id`,
    };
    for (const insert of [cascades, doesNot]) {
      const earlier = await home.legacyUser();
      expect(
        await race({ ...insert, values: [randomUUID(), earlier] }, { client: home.auth, sql: removeAccount, values: [earlier] }),
      ).toMatchObject({ first: 1, second: { rowCount: 1 } });
      const later = await home.legacyUser();
      expect(
        await race({ client: home.auth, sql: removeAccount, values: [later] }, { ...insert, values: [randomUUID(), later] }),
      ).toMatchObject({ first: 1, second: { code: '23503' } });
    }
  });
});
