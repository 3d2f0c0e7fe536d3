/** The same people and messages on both sides, and the requests that they make. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

import { root } from '../../apps/server/install.mjs';

export const SENDERS = 50;
export const RECIPIENTS = 200;
/** Who reads full queues, and what waits in each. */
export const READERS = 10;
export const QUEUED = 1_000;
export const CONVERSATION = 100_000;
/** Each sender is in so many groups, each of so many members. */
export const GROUPS = 20;
export const MEMBERS = 10;

/** As the web client sends it: base64 of JSON with an ephemeral key, an initialisation vector, a salt and some 150 letters of text. */
const ENVELOPE = Buffer.alloc(450, 'secret').toString('base64');

/** From $1 to each of $2, $4 of them, a minute between one and the next. */
const MESSAGES = `
  INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content, created_at)
  SELECT gen_random_uuid(), $1::uuid, r, $3::text, 'ecdh-pfs', $3::text, now() - n * interval '1 minute'
  FROM unnest($2::uuid[]) AS r, generate_series(1, $4::int) AS n RETURNING id, sender_id, recipient_id`;

/** Where bare programs keep their rows: a database each, so that no publisher of Banyan's meets their events. */
export const BARE_DATABASES = { send: 'bare_send', read: 'bare_read' };

export function people() {
  // Readers' queues are not fed by the load; the idle ones' are empty.
  return {
    senders: makePeople(SENDERS, 'sender'),
    recipients: makePeople(RECIPIENTS, 'recipient'),
    readers: makePeople(READERS, 'reader'),
    idle: makePeople(SENDERS, 'idle'),
  };
}

export function makePeople(count, kind) {
  return Array.from({ length: count }, (_, n) => ({ id: uuidv7(), name: `${kind}${n}` }));
}

/** Makes Banyan's tables, all of them in one database. */
export async function prepareBare(serverUrl, database) {
  const require = createRequire(join(root, 'dist/package.json'));
  const { prepareDatabase } = require('./libs/platform/src/database/migrate.js');
  const { migrations } = require('./migrations/registry.js');
  for (const [domain, histories] of Object.entries(migrations)) {
    const name = `banyan_${domain}`;
    await prepareDatabase({ url: serverUrl, database, schema: name, role: name, histories });
  }
}

/** Accounts, profiles and full queues. @param databases settings that name them, as those of a server */
export async function fillQueues(databases, everybody) {
  await addAccounts(databases, Object.values(everybody).flat());
  const { senders, readers } = everybody;
  await inDatabase(databases.MESSAGE_DATABASE_URL, (client) =>
    client.query(
      `WITH queued AS (${MESSAGES})
       INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, created_at, expires_at)
       SELECT id, sender_id, recipient_id, now(), now() + interval '7 days' FROM queued`,
      [senders[0].id, readers.map(({ id }) => id), ENVELOPE, QUEUED],
    ),
  );
  await vacuum(databases);
}

/** The same, with a long conversation and groups. */
export async function fillForReading(databases, everybody) {
  const { senders } = everybody;
  await inDatabase(databases.MESSAGE_DATABASE_URL, (client) =>
    client.query(MESSAGES, [senders[0].id, [senders[1].id], ENVELOPE, CONVERSATION]),
  );
  // Everybody is in as many groups as everybody else: group g has every fifth sender, from the g-th on.
  const step = SENDERS / MEMBERS;
  const groupOf = (g) => Array.from({ length: MEMBERS }, (_, n) => senders[(g + n * step) % SENDERS]);
  await addGroups(
    databases,
    Array.from({ length: GROUPS * step }, (_, g) => groupOf(g)),
  );
  await fillQueues(databases, everybody);
}

export async function addAccounts(databases, everybody) {
  const lists = [everybody.map(({ id }) => id), everybody.map(({ name }) => name)];
  await inDatabase(databases.AUTH_DATABASE_URL, (client) =>
    client.query(
      `INSERT INTO banyan_auth.users (id, email, username, password_hash)
       SELECT id, name || '@example.com', name, 'none' FROM unnest($1::uuid[], $2::text[]) AS t(id, name)`,
      lists,
    ),
  );
  await inDatabase(databases.USER_DATABASE_URL, (client) =>
    client.query(
      `INSERT INTO banyan_user.user_profiles (id, email, username, public_keys)
       SELECT id, name || '@example.com', name, jsonb_build_array(jsonb_build_object('key_id', 'k', 'algorithm', 'SECP256R1',
         'key_data', repeat('k', 180), 'created_at', '2026-01-01T00:00:00', 'status', 'active'))
       FROM unnest($1::uuid[], $2::text[]) AS t(id, name)`,
      lists,
    ),
  );
}

/** The first of its members owns a group. @returns their ids */
export function addGroups(databases, groups) {
  return inDatabase(databases.GROUP_DATABASE_URL, async (client) => {
    const ids = [];
    for (const members of groups) {
      const [id, memberIds] = [uuidv7(), members.map((member) => member.id)];
      await client.query(`INSERT INTO banyan_group.groups (id, name, admin_id) VALUES ($1, 'Bench', $2)`, [id, memberIds[0]]);
      await client.query(
        `INSERT INTO banyan_group.group_members (id, group_id, user_id) SELECT gen_random_uuid(), $1, id FROM unnest($2::uuid[]) AS id`,
        [id, memberIds],
      );
      ids.push(id);
    }
    return ids;
  });
}

/**
 * What a server finds after a while. Only of tables with rows: an empty one that was vacuumed PostgreSQL takes for empty, and plans to read it from
 * end to end, which prepared statements keep to when it has grown.
 */
export async function vacuum(databases) {
  for (const url of new Set(Object.values(databases).filter((value) => value.startsWith('postgres'))))
    await inDatabase(url, async (client) => {
      const { rows } = await client.query(
        `SELECT oid::regclass AS name FROM pg_class
         WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND pg_relation_size(oid) > 0`,
      );
      if (rows.length > 0) await client.query(`VACUUM ANALYZE ${rows.map(({ name }) => name).join(', ')}`);
    });
}

export function countMessages(databases) {
  return inDatabase(databases.MESSAGE_DATABASE_URL, async (client) =>
    Number((await client.query('SELECT count(*) FROM banyan_message.messages')).rows[0].count),
  );
}

/** What the lists of load.mjs are made of: each connection is another person. */
export function requestsOf({ senders, recipients, readers, idle }, secret) {
  const headersOf = ({ id }) => ({ authorization: `Bearer ${tokenOf(id, secret)}` });
  const get = (people, path) => people.map((person) => [{ method: 'GET', path: `/api/v1${path}`, headers: headersOf(person) }]);
  return {
    send: senders.map((sender) => {
      const headers = { ...headersOf(sender), 'content-type': 'application/json' };
      return recipients.map(({ id }) => ({ method: 'POST', path: '/api/v1/relay/send', headers, body: JSON.stringify(draftFor(id)) }));
    }),
    me: get(senders, '/auth/me'),
    emptyQueue: get(idle, '/relay/pending'),
    fullQueue: get(readers, '/relay/pending'),
    groups: get(senders, '/groups/'),
    conversation: get([senders[0]], `/messages/conversation/${senders[1].id}?limit=50`),
  };
}

/** As the monolith makes them: good for whoever has its secret. */
export function tokenOf(userId, secret) {
  return jwt.sign({ sub: userId }, secret, { expiresIn: '1h', noTimestamp: true });
}

export function draftFor(recipientId) {
  return {
    recipient_id: recipientId,
    encrypted_content: ENVELOPE,
    encrypted_session_key: 'ecdh-pfs',
    sender_encrypted_content: ENVELOPE,
    crypto_version: 'v1',
    encryption_algorithm: 'ECDH-AES256-GCM',
    kdf_algorithm: 'HKDF-SHA256',
    signatures: [],
  };
}

async function inDatabase(connectionString, work) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
