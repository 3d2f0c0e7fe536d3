/** The same people and messages on both sides, and the requests that they make. */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

import { root } from '../../apps/server/install.mjs';

export const SENDERS = 50;
export const RECIPIENTS = 200;
export const QUEUED = 100;
export const CONVERSATION = 10_000;

/** As the web client sends it: base64 of JSON with an ephemeral key, an initialisation vector, a salt and some 150 letters of text. */
const ENVELOPE = Buffer.alloc(450, 'secret').toString('base64');

/** Where the bare program keeps its rows: one database, so that no publisher of Banyan's meets its events. */
export const BARE_DATABASE = 'bare';

export function people() {
  const make = (count, kind) => Array.from({ length: count }, (_, n) => ({ id: uuidv7(), name: `${kind}${n}` }));
  // Readers' queues are not fed by the load; the idle ones' are empty.
  return {
    senders: make(SENDERS, 'sender'),
    recipients: make(RECIPIENTS, 'recipient'),
    readers: make(SENDERS, 'reader'),
    idle: make(SENDERS, 'idle'),
  };
}

/** Makes Banyan's tables in the bare program's database. */
export async function prepareBare(serverUrl) {
  const require = createRequire(join(root, 'dist/package.json'));
  const { prepareDatabase } = require('./libs/platform/src/database/migrate.js');
  const { migrations } = require('./migrations/registry.js');
  for (const [domain, histories] of Object.entries(migrations)) {
    const name = `banyan_${domain}`;
    await prepareDatabase({ url: serverUrl, database: BARE_DATABASE, schema: name, role: name, histories });
  }
}

/** Accounts, profiles, a conversation of 10,000 and queues of 100. @param databases the names of those with accounts, profiles and messages */
export async function fill(serverUrl, databases, { senders, recipients, readers, idle }) {
  const everybody = [...senders, ...recipients, ...readers, ...idle];
  const ids = everybody.map(({ id }) => id);
  const names = everybody.map(({ name }) => name);
  await inDatabase(serverUrl, databases.auth, (client) =>
    client.query(
      `INSERT INTO banyan_auth.users (id, email, username, password_hash)
       SELECT id, name || '@example.com', name, 'none' FROM unnest($1::uuid[], $2::text[]) AS t(id, name)`,
      [ids, names],
    ),
  );
  await inDatabase(serverUrl, databases.user, (client) =>
    client.query(
      `INSERT INTO banyan_user.user_profiles (id, email, username, public_keys)
       SELECT id, name || '@example.com', name, jsonb_build_array(jsonb_build_object('key_id', 'k', 'algorithm', 'SECP256R1',
         'key_data', repeat('k', 180), 'created_at', '2026-01-01T00:00:00', 'status', 'active'))
       FROM unnest($1::uuid[], $2::text[]) AS t(id, name)`,
      [ids, names],
    ),
  );
  await inDatabase(serverUrl, databases.message, async (client) => {
    const insert = `
      INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content, created_at)
      SELECT gen_random_uuid(), $1::uuid, r, $3::text, 'ecdh-pfs', $3::text, now() - n * interval '1 minute'
      FROM unnest($2::uuid[]) AS r, generate_series(1, $4::int) AS n RETURNING id, sender_id, recipient_id`;
    await client.query(insert, [senders[0].id, [senders[1].id], ENVELOPE, CONVERSATION]);
    await client.query(
      `WITH queued AS (${insert})
       INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, created_at, expires_at)
       SELECT id, sender_id, recipient_id, now(), now() + interval '7 days' FROM queued`,
      [senders[0].id, readers.map(({ id }) => id), ENVELOPE, QUEUED],
    );
  });
  for (const name of new Set(Object.values(databases))) await inDatabase(serverUrl, name, (client) => client.query('VACUUM ANALYZE'));
}

export async function countMessages(serverUrl, database) {
  return inDatabase(serverUrl, database, async (client) =>
    Number((await client.query('SELECT count(*) FROM banyan_message.messages')).rows[0].count),
  );
}

/** What the lists of load.mjs are made of: each connection is another person. */
export function requestsOf({ senders, recipients, readers, idle }, secret) {
  const headersOf = ({ id }) => ({ authorization: `Bearer ${jwt.sign({ sub: id }, secret, { expiresIn: '1h', noTimestamp: true })}` });
  const get = (people, path) => people.map((person) => [{ method: 'GET', path: `/api/v1${path}`, headers: headersOf(person) }]);
  return {
    send: senders.map((sender) => {
      const headers = { ...headersOf(sender), 'content-type': 'application/json' };
      return recipients.map(({ id }) => ({ method: 'POST', path: '/api/v1/relay/send', headers, body: JSON.stringify(draftFor(id)) }));
    }),
    me: get(senders, '/auth/me'),
    emptyQueue: get(idle, '/relay/pending'),
    fullQueue: get(readers, '/relay/pending'),
    conversation: get([senders[0]], `/messages/conversation/${senders[1].id}?limit=50`),
  };
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

async function inDatabase(serverUrl, database, work) {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
