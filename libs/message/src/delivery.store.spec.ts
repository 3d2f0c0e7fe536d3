import { randomUUID } from 'node:crypto';
import { hashBody } from '@banyan/platform/database/request-keys';
import type { Bounds, Database } from '@banyan/platform/database/database';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import type { Statement } from '@banyan/platform/database/sql';
import { v7 as uuidv7 } from 'uuid';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { genericPlans } from '../../../test/support/plans';
import { DeliveryStore, type NewDelivery } from './delivery.store';
import { MessageStore } from './message.store';

const MICROSECONDS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
const PAGE = { limit: 100, bytes: 1_000_000 };

describe.each(dataHomes)('deliveries in $name', ({ open }) => {
  let home: DataHome;
  let database: Database;
  let store: DeliveryStore;
  let [alice, bob]: string[] = [];
  beforeAll(async () => {
    home = await open('message');
    database = home.databases.of('message').database;
    store = new DeliveryStore(database);
  });
  beforeEach(async () => {
    await home.admin('TRUNCATE banyan_message.deliveries, banyan_message.outbox, banyan_message.request_keys');
    [alice, bob] = await Promise.all([home.addUser(), home.addUser()]);
  });
  afterAll(() => home?.close());

  function draftOf(more: Partial<NewDelivery> = {}): NewDelivery {
    const body = {
      recipient_id: bob!,
      encrypted_content: 'content',
      encrypted_session_key: 'key',
      crypto_version: 'v1',
      encryption_algorithm: 'ECDH-AES256-GCM',
      kdf_algorithm: 'HKDF-SHA256',
      has_media: false,
      ttl_days: 7,
      ...more,
    };
    return { id: uuidv7(), sender_id: alice!, event_id: uuidv7(), trace: null, key: randomUUID(), body_hash: hashBody(body), ...body };
  }
  const accept = async (more?: Partial<NewDelivery>) => (await store.accept([draftOf(more)]))[0]!;
  const pending = async (limit = PAGE.limit) => (await store.deliver(bob!, { ...PAGE, limit })).messages;
  const acknowledge = async (id: string, userId = bob!, key: string = randomUUID(), by = store) =>
    (await by.acknowledge(userId, id, key, uuidv7())) !== undefined;
  const expire = (id: string) =>
    home.admin(`UPDATE banyan_message.deliveries SET expires_at = now() - interval '1 microsecond' WHERE message_id = $1`, [id]);
  const events = (name: string) =>
    home.admin<{ payload: Record<string, unknown>; key: string }>(
      'SELECT payload, key FROM banyan_message.outbox WHERE name = $1 ORDER BY position',
      [name],
    );
  const countMessages = async () =>
    Number((await home.admin<{ n: string }>('SELECT count(*) AS n FROM banyan_message.messages WHERE sender_id = $1', [alice]))[0]!.n);

  it('of a batch that was committed are never told as not executed, even if nobody can say what its repeats got', async () => {
    const first = draftOf();
    await store.accept([first]);
    let asked = 0;
    const dying = new DeliveryStore({
      query: (statement: Statement, bounds?: Bounds) =>
        ++asked === 1 ? database.query(statement, bounds) : Promise.reject(new DatabaseUnavailable('no')),
    } as unknown as Database);
    const batch = [draftOf(), { ...first, id: uuidv7() }];
    await expect(dying.accept(batch)).rejects.toMatchObject({ executed: 'maybe' });
    expect((await store.accept(batch)).map(({ message_id }) => message_id)).toEqual([batch[0]!.id, first.id]);
  });

  it('are handed out as they were accepted, to the letter, and announced without contents', async () => {
    const draft = draftOf({
      encrypted_content: ' {"ct":"\u{1f600}\\u0000"}\r\n',
      sender_encrypted_content: 'own',
      crypto_version: 'v2',
      signatures: [{ z: 1, a: [null, { deep: '\\' }] }, {}],
      has_media: true,
      media_refs: [{ id: 'one', more: 'é"' }],
    });
    const [accepted] = await store.accept([draft]);
    expect(accepted).toEqual({
      message_id: draft.id,
      position: expect.any(Number),
      created_at: expect.stringMatching(MICROSECONDS),
      expires_at: expect.stringMatching(MICROSECONDS),
    });
    const { id, sender_id, recipient_id } = draft;
    expect(await pending()).toEqual([
      {
        id,
        sender_id,
        recipient_id,
        encrypted_content: draft.encrypted_content,
        encrypted_session_key: 'key',
        crypto_version: 'v2',
        encryption_algorithm: 'ECDH-AES256-GCM',
        kdf_algorithm: 'HKDF-SHA256',
        signatures: draft.signatures,
        has_media: true,
        media_refs: draft.media_refs,
        created_at: accepted!.created_at,
        delivery_attempts: 1,
        position: accepted!.position,
      },
    ]);
    expect(await events('message.sent')).toEqual([
      {
        payload: { message_id: id, sender_id, recipient_id, position: accepted!.position, names_files: draft.media_refs != null },
        key: recipient_id,
      },
    ]);
    const [kept] = await home.admin(
      'SELECT d.signatures::text AS queued, d.media_refs::text AS media, m.signatures::text AS stored FROM banyan_message.deliveries d JOIN banyan_message.messages m ON m.id = message_id',
    );
    const signatures = JSON.stringify(draft.signatures);
    expect(kept).toEqual({ queued: signatures, media: JSON.stringify(draft.media_refs), stored: signatures });
    expect(await new MessageStore(database).find(id)).toMatchObject({ sender_encrypted_content: 'own', created_at: accepted!.created_at });
  });

  it('say null for what was not sent, and the message itself an empty list', async () => {
    const { message_id } = await accept();
    expect(await pending()).toMatchObject([{ signatures: null, media_refs: null }]);
    expect(await new MessageStore(database).find(message_id)).toMatchObject({ signatures: [], sender_encrypted_content: null });
  });

  it('keep the order in which they were accepted, in a batch and from one to the next', async () => {
    const drafts = Array.from({ length: 300 }, (_, n) => draftOf({ encrypted_content: `${n}` }));
    const accepted = [...(await store.accept(drafts.slice(0, 128))), ...(await store.accept(drafts.slice(128)))];
    expect(accepted.map(({ message_id }) => message_id)).toEqual(drafts.map(({ id }) => id));
    const positions = accepted.map(({ position }) => position);
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    expect((await pending(1_000)).map(({ encrypted_content }) => Number(encrypted_content))).toEqual(drafts.map((_, n) => n));
    expect((await events('message.sent')).map(({ payload }) => payload.position)).toEqual(positions);
  });

  it('are handed out again, counted, a page of the oldest at a time', async () => {
    const [first, second] = [await accept(), await accept(), await accept()];
    await pending(2);
    const again = await pending();
    expect(again.map(({ delivery_attempts }) => delivery_attempts)).toEqual([2, 2, 1]);
    expect((await pending(2)).map(({ id }) => id)).toEqual([first!.message_id, second!.message_id]);
    expect(await store.deliver(alice!, PAGE)).toEqual({ messages: [], complete: true });
  });

  it('fill an answer up to its bytes, whichever field they are in, and are never held up by one that is larger', async () => {
    const big = 'x'.repeat(1_000);
    const ids: string[] = [];
    for (const more of [
      { encrypted_content: big },
      { encrypted_session_key: big },
      { signatures: [{ big }] },
      { media_refs: [{ big }] },
      { encrypted_content: big.repeat(5) },
      {},
    ])
      ids.push((await accept(more)).message_id);
    const pages: [string[], boolean][] = [];
    for (let complete = false; !complete;) {
      const page = await store.deliver(bob!, { limit: 100, bytes: 2_500 });
      complete = page.complete;
      pages.push([page.messages.map(({ id }) => id), complete]);
      for (const { id } of page.messages) await acknowledge(id);
    }
    expect(pages).toEqual([
      [ids.slice(0, 2), false],
      [ids.slice(2, 4), false],
      [ids.slice(4, 5), false],
      [ids.slice(5), true],
    ]);
  });

  it('are all there when exactly as many wait as fit', async () => {
    for (let i = 0; i < 3; i++) await accept();
    expect((await store.deliver(bob!, { ...PAGE, limit: 2 })).complete).toBe(false);
    expect((await store.deliver(bob!, { ...PAGE, limit: 3 })).complete).toBe(true);
  });

  describe('under a key', () => {
    it('are accepted once, and every repeat gets the first answer', async () => {
      const draft = draftOf();
      const [first] = await store.accept([draft]);
      expect(await store.accept([{ ...draft, id: uuidv7(), event_id: uuidv7() }])).toEqual([first]);
      await acknowledge(draft.id);
      expect(await store.accept([{ ...draft, id: uuidv7(), event_id: uuidv7() }])).toEqual([first]);
      expect(await countMessages()).toBe(1);
      expect(await events('message.sent')).toHaveLength(1);
      expect(await pending()).toEqual([]);
    });

    it('are accepted once when it comes twice in one batch, or in two batches at once', async () => {
      const other = new DeliveryStore(await home.another('message'));
      const drafts = Array.from({ length: 20 }, () => draftOf());
      const repeats = (list: NewDelivery[]) => list.map((draft) => ({ ...draft, id: uuidv7(), event_id: uuidv7() }));
      const batches = [
        [...drafts, ...repeats(drafts)],
        repeats([...drafts].reverse()),
        repeats([...drafts.slice(10), ...drafts.slice(0, 10)]),
      ];
      const answers = (await Promise.all(batches.map((batch, n) => (n % 2 ? other : store).accept(batch)))).flat();
      const byKey = new Map<string, Set<string>>();
      batches.flat().forEach(({ key }, n) => byKey.set(key, (byKey.get(key) ?? new Set()).add(JSON.stringify(answers[n]))));
      expect([...byKey.values()].map(({ size }) => size)).toEqual(Array(20).fill(1));
      expect(await countMessages()).toBe(20);
      expect(await pending()).toHaveLength(20);
      expect(await events('message.sent')).toHaveLength(20);
    });

    it('are refused if it stood for something else', async () => {
      const draft = draftOf();
      await store.accept([draft]);
      const changed = draftOf({ key: draft.key, encrypted_content: 'changed' });
      await expect(store.accept([changed])).rejects.toMatchObject({ code: 'idempotency_key_reused' });
      expect(await countMessages()).toBe(1);
    });

    it('are one for each sender: a key is his own', async () => {
      const draft = draftOf();
      const theirs = draftOf({ key: draft.key, sender_id: bob, recipient_id: alice });
      expect((await store.accept([draft, theirs])).map(({ message_id }) => message_id)).toEqual([draft.id, theirs.id]);
    });
  });

  describe('adopted', () => {
    const insert = async () => {
      const { event_id: _event, trace: _trace, key: _key, body_hash: _hash, ttl_days: _ttl, media_refs: _refs, ...message } = draftOf();
      await database.transaction((tx) => new MessageStore(database).insert(tx, message));
      return message.id;
    };
    const adopt = (message_id: string) =>
      store.adopt({ message_id, expires_at: null, signatures: [{ s: 1 }], media_refs: [{ id: 'm' }], event_id: uuidv7() });
    const acknowledgeThere = (id: string, userId = bob!, senderId: string | null = null, key: string = randomUUID()) =>
      store.acknowledgeAdopted(userId, id, senderId, key, uuidv7());

    it('wait once, with what their rows do not have, and are announced once', async () => {
      const id = await insert();
      const adopted = await Promise.all([adopt(id), adopt(id), adopt(id)]);
      expect(adopted.map((found) => found?.recipient_id)).toEqual([bob, bob, bob]);
      expect(adopted.filter((found) => found?.position != null)).toHaveLength(1);
      expect(await pending()).toMatchObject([{ id, signatures: [{ s: 1 }], media_refs: [{ id: 'm' }] }]);
      expect(await events('message.sent')).toMatchObject([{ payload: { message_id: id, recipient_id: bob }, key: bob }]);
      expect(await store.acknowledge(bob!, id, 'k', uuidv7())).toEqual({ adopted: true });
      expect(await store.acknowledge(bob!, id, 'k', uuidv7())).toEqual({ adopted: true });
      expect((await adopt(id))?.position).toBeNull();
      expect(await pending()).toEqual([]);
    });

    it('are none if the row is missing', async () => {
      expect(await adopt(uuidv7())).toBeUndefined();
      expect(await events('message.sent')).toEqual([]);
    });

    it('never wait when they were acknowledged before, wherever that was, by their recipient', async () => {
      const id = await insert();
      expect(await acknowledgeThere(id, alice)).toBe(false);
      const said = await Promise.all([acknowledgeThere(id, bob, null, 'k'), acknowledgeThere(id, bob, null, 'k'), adopt(id)]);
      expect(said.slice(0, 2)).toEqual([true, true]);
      expect(await acknowledgeThere(id)).toBe(false);
      await adopt(id);
      expect(await pending()).toEqual([]);
      expect(await store.listSettled(bob!, [id])).toEqual([id]);
      expect(await events('message.delivered')).toHaveLength(1);
    });

    it('may be acknowledged without a row if their sender is told', async () => {
      const id = uuidv7();
      expect(await acknowledgeThere(id)).toBe(false);
      expect(await acknowledgeThere(id, bob, alice)).toBe(true);
      expect(await store.listSettled(bob!, [id])).toEqual([id]);
    });
  });

  describe('acknowledged', () => {
    it('are handed out no more, stay in the conversation, and are announced once', async () => {
      const { message_id } = await accept();
      expect(await acknowledge(message_id)).toBe(true);
      expect(await acknowledge(message_id)).toBe(false);
      expect(await pending()).toEqual([]);
      expect(await new MessageStore(database).listAll(alice!, bob!)).toHaveLength(1);
      expect(await events('message.delivered')).toEqual([{ payload: { message_id, sender_id: alice, recipient_id: bob }, key: bob }]);
    });

    it('are found by every repeat of the request that took them, and announced once all the same', async () => {
      const [{ message_id }, other] = [await accept(), await accept()];
      const said = await Promise.all(Array.from({ length: 6 }, () => acknowledge(message_id, bob, 'this one')));
      expect(said).toEqual(Array(6).fill(true));
      expect(await acknowledge(message_id, alice, 'this one')).toBe(false);
      expect(await acknowledge(other.message_id, alice, 'this one')).toBe(false);
      expect(await events('message.delivered')).toHaveLength(1);
    });

    it('are only those of the recipient', async () => {
      const { message_id } = await accept();
      expect(await acknowledge(message_id, alice)).toBe(false);
      expect(await acknowledge(uuidv7())).toBe(false);
      expect(await pending()).toHaveLength(1);
    });

    it('are counted once, however many devices say so at once', async () => {
      const { message_id } = await accept();
      const other = new DeliveryStore(await home.another('message'));
      const said = await Promise.all(
        Array.from({ length: 12 }, (_, n) => acknowledge(message_id, bob, randomUUID(), n % 2 ? other : store)),
      );
      expect(said.filter(Boolean)).toHaveLength(1);
      expect(await events('message.delivered')).toHaveLength(1);
    });
  });

  describe('expired', () => {
    it.each([-1, -36_500])('at once with a life of %d days, which is no error', async (ttl_days) => {
      const { message_id, created_at, expires_at } = await accept({ ttl_days });
      expect(expires_at < created_at).toBe(true);
      expect(await pending()).toEqual([]);
      expect(await acknowledge(message_id)).toBe(false);
      expect(await new MessageStore(database).find(message_id)).toMatchObject({ id: message_id });
    });

    it('a century later at the latest', async () => {
      const { created_at, expires_at } = await accept({ ttl_days: 36_500 });
      expect(Number(expires_at.slice(0, 4)) - Number(created_at.slice(0, 4))).toBeGreaterThanOrEqual(99);
    });

    it('go, are counted if nobody had them, and their keys still give the first answer', async () => {
      const draft = draftOf();
      const [first] = await store.accept([draft]);
      const fetched = await accept();
      await acknowledge(fetched.message_id);
      const waiting = await accept();
      for (const { message_id } of [first!, fetched]) await expire(message_id);
      expect(await store.count()).toEqual({ total: 2, deliverable: 1, expired: 1, recipients: 1 });
      expect(await store.dropExpired()).toBe(1);
      expect(await store.dropExpired()).toBe(0);
      expect(await store.count()).toEqual({ total: 1, deliverable: 1, expired: 0, recipients: 1 });
      expect((await pending()).map(({ id }) => id)).toEqual([waiting.message_id]);
      const [again] = await store.accept([{ ...draft, id: uuidv7(), event_id: uuidv7() }]);
      expect(again).toMatchObject({ message_id: draft.id, created_at: first!.created_at });
    });

    it('go by the thousand', async () => {
      await home.admin(
        `INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, created_at, expires_at, acknowledged_at)
         SELECT gen_random_uuid(), $1, $2, now(), now(), CASE WHEN n % 2 = 0 THEN now() END FROM generate_series(1, 2500) n`,
        [alice, bob],
      );
      expect(await Promise.all([store.dropExpired(), store.dropExpired()]).then(([a, b]) => a + b)).toBe(1_250);
      expect(await home.admin('SELECT 1 FROM banyan_message.deliveries')).toEqual([]);
    });
  });

  it('are never handed out after they were acknowledged or erased, whatever happens at once', async () => {
    const other = await home.another('message');
    const accepted = await store.accept(Array.from({ length: 24 }, () => draftOf()));
    const gone = new Set<string>();
    const late: string[] = [];
    const fetch = async (n: number) => {
      const before = new Set(gone);
      const { messages } = await (n % 2 ? store : new DeliveryStore(other)).deliver(bob!, PAGE);
      late.push(...messages.map(({ id }) => id).filter((id) => before.has(id)));
    };
    let acknowledged = 0;
    await Promise.all(
      accepted.flatMap(({ message_id: id }, n) => [
        fetch(n),
        database.transaction((tx) => new MessageStore(database).erase(tx, id)).then(() => gone.add(id)),
        new DeliveryStore(other).acknowledge(bob!, id, randomUUID(), uuidv7()).then((found) => {
          if (found) acknowledged++;
          gone.add(id);
        }),
      ]),
    );
    expect(late).toEqual([]);
    expect(await pending()).toEqual([]);
    expect(await events('message.delivered')).toHaveLength(acknowledged);
    expect(await home.admin('SELECT 1 FROM banyan_message.deliveries')).toEqual([]);
  });

  it('are handed out to many devices at once, none of which waits for another in a circle', async () => {
    const accepted = await store.accept(Array.from({ length: 60 }, () => draftOf()));
    // Past what would repeat a deadlock until it is none.
    const devices = await Promise.all(Array.from({ length: 6 }, () => home.client('message')));
    const stores = devices.map(
      (client) =>
        new DeliveryStore({
          query: async ({ text, values }: Statement) => (await client.query(text, [...values])).rows,
        } as unknown as Database),
    );
    await Promise.all(
      stores.map(async (device, n) => {
        for (let round = 0; round < 10; round++) {
          const { messages } = await device.deliver(bob!, PAGE);
          expect(messages.map(({ position }) => position)).toEqual(messages.map(({ position }) => position).sort((a, b) => a - b));
          await device.acknowledge(bob!, accepted[10 * n + round]!.message_id, randomUUID(), uuidv7());
        }
      }),
    );
    expect(await pending()).toEqual([]);
    expect(await events('message.delivered')).toHaveLength(60);
  });

  it('are looked up by their indexes', async () => {
    await home.admin(
      `WITH stored AS (
         INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key)
         SELECT gen_random_uuid(), $1, CASE WHEN n % 10 = 0 THEN $2::uuid ELSE $1::uuid END, 'c', 'k' FROM generate_series(1, 4000) n RETURNING id, recipient_id)
       INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, created_at, expires_at)
       SELECT id, $1, recipient_id, now(), now() + interval '7 days' FROM stored`,
      [alice, bob],
    );
    await home.admin('ANALYZE');
    const client = await home.client('message');
    const plan = (ask: Parameters<typeof genericPlans>[1]) => genericPlans(client, ask);
    const deliver = await plan((d) => new DeliveryStore(d).deliver('', PAGE));
    expect(deliver).toMatch(/Index Scan using deliveries_queue/);
    expect(deliver).toMatch(/(Index Scan using|Bitmap Index Scan on) deliveries_pkey/);
    expect(deliver).toMatch(/Index Scan using messages_pkey/);
    expect(deliver).not.toMatch(/Seq Scan/);
    expect(await plan((d) => new DeliveryStore(d).acknowledge('', '', '', ''))).toMatch(/Index Scan using deliveries_pkey/);
    expect(await plan((d) => new DeliveryStore(d).dropExpired())).toMatch(/(Index Scan using|Bitmap Index Scan on) deliveries_expires_at/);
  });
});

describe.each(dataHomes.slice(1))('deliveries shared with legacy in $name', ({ open }) => {
  let home: DataHome;
  beforeAll(async () => {
    home = await open('message');
  });
  afterAll(() => home?.close());

  it('are rows of messages as legacy would have written them', async () => {
    const [alice, bob] = [await home.addUser(), await home.addUser()];
    const draft: NewDelivery = {
      id: uuidv7(),
      sender_id: alice,
      recipient_id: bob,
      encrypted_content: 'grüße',
      encrypted_session_key: 'key',
      sender_encrypted_content: 'own',
      crypto_version: 'v1',
      encryption_algorithm: 'ECDH-AES256-GCM',
      kdf_algorithm: 'HKDF-SHA256',
      has_media: true,
      ttl_days: 7,
      key: 'k',
      body_hash: 'h',
      event_id: uuidv7(),
      trace: null,
    };
    const [accepted] = await new DeliveryStore(home.databases.of('message').database).accept([draft]);
    const [row] = await home.admin(
      `SELECT id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content, crypto_version, signatures::text,
         is_read, is_deleted, has_media, to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at FROM messages`,
    );
    const { id, sender_id, recipient_id, sender_encrypted_content, crypto_version, has_media } = draft;
    expect({
      ...row,
      encrypted_content: String(row!.encrypted_content),
      encrypted_session_key: String(row!.encrypted_session_key),
    }).toEqual({
      id,
      sender_id,
      recipient_id,
      encrypted_content: 'grüße',
      encrypted_session_key: 'key',
      sender_encrypted_content,
      crypto_version,
      signatures: '[]',
      is_read: false,
      is_deleted: false,
      has_media,
      created_at: accepted!.created_at,
    });
  });
});
