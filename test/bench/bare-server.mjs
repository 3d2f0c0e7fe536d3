/**
 * What the measured requests cost at least: Fastify and pg, the token verified, one prepared statement (two for /auth/me) per request.
 * No limits, no validation, no look-up of caller or recipient, no key from the client, no index, no push, no events consumed. Reads are the
 * statements of Banyan's stores, written out.
 *
 *     node bare-server.mjs DATABASE_URL    JWT_SECRET_KEY in the environment; prints its port
 */
import { createSecretKey } from 'node:crypto';
import Fastify from 'fastify';
import jwt from 'jsonwebtoken';
import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';

import '../support/end-with-parent.mjs';

/** As many as each of Banyan's domains has (POOL_SIZE). */
const pool = new pg.Pool({ connectionString: process.argv[2], max: 8 });
const app = Fastify();
/** Given a text, jsonwebtoken tries first whether it is a PEM, each time, for a millisecond. */
const secret = createSecretKey(process.env.JWT_SECRET_KEY, 'utf8');

/** The rows that Banyan writes, as wide as its. */
const SEND = `
  WITH keyed AS (
    INSERT INTO banyan_message.request_keys (user_id, key, operation, body_hash, answer, expires_at)
    VALUES ($2, $14, 'message.accept', $15, json_build_object('message_id', $1::uuid), now() + interval '7 days') ON CONFLICT DO NOTHING
  ), stored AS (
    INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
      crypto_version, encryption_algorithm, kdf_algorithm, signatures, has_media, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now())
  ), queued AS (
    INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, signatures, media_refs, created_at, expires_at)
    VALUES ($1, $2, $3, $10, $12, now(), now() + interval '7 days') RETURNING position, expires_at
  ), announced AS (
    INSERT INTO banyan_message.outbox (id, name, key, payload, trace)
    SELECT $13::uuid, 'message.sent', $3::text,
      json_build_object('message_id', $1::uuid, 'sender_id', $2::uuid, 'recipient_id', $3::uuid, 'position', position), $16
    FROM queued
  )
  SELECT expires_at FROM queued`;

/** AuthStore.find and UserStore.find. */
const ACCOUNT = `
  SELECT id, email, username, password_hash, role, is_active, is_verified, created_at FROM banyan_auth.users WHERE id = $1`;
const PROFILE = `
  SELECT id, email, username, full_name, avatar_url, bio, public_keys, encrypted_private_key, is_active, created_at
  FROM banyan_user.user_profiles WHERE id = $1`;

/** DeliveryStore.deliver: at most 5,000, and 8 MB. */
const PENDING = `
  WITH waiting AS (
    SELECT message_id, position, signatures, media_refs FROM banyan_message.deliveries
    WHERE recipient_id = $1 AND acknowledged_at IS NULL AND expires_at > now() ORDER BY position LIMIT $2::int + 1
    FOR NO KEY UPDATE
  ), sized AS (
    SELECT message_id, row_number() OVER earlier AS n,
      sum(coalesce(octet_length(signatures::text), 0) + coalesce(octet_length(media_refs::text), 0) + coalesce(
        (SELECT octet_length(encrypted_content) + octet_length(encrypted_session_key) FROM banyan_message.messages WHERE id = message_id),
        0)) OVER earlier AS bytes
    FROM waiting WINDOW earlier AS (ORDER BY position)
  ), taken AS (
    UPDATE banyan_message.deliveries SET attempts = attempts + 1
    WHERE message_id = ANY (ARRAY(SELECT message_id FROM sized WHERE n = 1 OR (n <= $2 AND bytes <= $3)))
    RETURNING message_id, position, signatures, media_refs, attempts
  )
  SELECT m.id, m.sender_id, m.recipient_id, m.encrypted_content, m.encrypted_session_key, m.crypto_version, m.encryption_algorithm,
    m.kdf_algorithm, t.signatures, m.has_media, t.media_refs, m.created_at, t.attempts AS delivery_attempts, t.position,
    (SELECT count(*) FROM waiting) = (SELECT count(*) FROM taken) AS complete
  FROM taken t JOIN banyan_message.messages m ON m.id = t.message_id ORDER BY t.position`;

/** MessageStore.listNewest. */
const CONVERSATION = `
  SELECT id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
    crypto_version, encryption_algorithm, kdf_algorithm, signatures, is_read, created_at
  FROM banyan_message.messages m
  WHERE least(sender_id, recipient_id) = least($1::uuid, $2::uuid) AND greatest(sender_id, recipient_id) = greatest($1::uuid, $2::uuid)
    AND NOT is_deleted
    AND NOT EXISTS (SELECT 1 FROM banyan_message.hidden_messages h WHERE h.user_id = $1 AND h.message_id = m.id)
  ORDER BY created_at DESC, id DESC LIMIT $3`;

/** GroupStore.listOf. */
const GROUPS = `
  SELECT g.id, g.name, g.description, g.admin_id, g.created_at,
    (SELECT count(*)::int FROM banyan_group.group_members m WHERE m.group_id = g.id)
      + CASE WHEN EXISTS (SELECT FROM banyan_group.group_members o WHERE o.group_id = g.id AND o.user_id = g.admin_id) THEN 0 ELSE 1 END
      AS members
  FROM banyan_group.groups g
  WHERE g.id = ANY (ARRAY(SELECT group_id FROM banyan_group.group_members WHERE user_id = $1
                          UNION SELECT id FROM banyan_group.groups WHERE admin_id = $1))
  ORDER BY g.created_at, g.id LIMIT $2`;

const userOf = ({ headers }) => jwt.verify(headers.authorization.slice(7), secret, { algorithms: ['HS256'] }).sub;
const rowsOf = async (name, text, values) => (await pool.query({ name, text, values })).rows;

app.post('/api/v1/relay/send', async (request) => {
  const senderId = userOf(request);
  const m = request.body;
  const id = uuidv7();
  const [{ expires_at }] = await rowsOf('send', SEND, [
    id,
    senderId,
    m.recipient_id,
    m.encrypted_content,
    m.encrypted_session_key,
    m.sender_encrypted_content ?? null,
    m.crypto_version ?? 'v1',
    m.encryption_algorithm ?? 'ECDH-AES256-GCM',
    m.kdf_algorithm ?? 'HKDF-SHA256',
    JSON.stringify(m.signatures ?? []),
    m.has_media ?? false,
    JSON.stringify(m.media_refs ?? null),
    uuidv7(),
    `${uuidv7()}/message.accept`,
    'a'.repeat(43),
    'a'.repeat(55),
  ]);
  return { success: true, message_id: id, status: 'queued', expires_at };
});

app.get('/api/v1/auth/me', async (request) => {
  const userId = userOf(request);
  const [[{ id, email, username, role, is_active, is_verified, created_at }], [{ full_name, avatar_url, bio, public_keys }]] =
    await Promise.all([rowsOf('account', ACCOUNT, [userId]), rowsOf('profile', PROFILE, [userId])]);
  const public_key = public_keys[0]?.key_data ?? null;
  return { id, email, username, full_name, public_key, role, is_active, avatar_url, bio, is_verified, created_at };
});

app.get('/api/v1/relay/pending', async (request) => {
  const rows = await rowsOf('pending', PENDING, [userOf(request), 5_000, 8_000_000]);
  const messages = rows.map((row) => ({ ...row, position: undefined, complete: undefined }));
  return { success: true, count: messages.length, messages };
});

app.get('/api/v1/groups/', async (request) => {
  const userId = userOf(request);
  const rows = await rowsOf('groups', GROUPS, [userId, 5_000]);
  return rows.map(({ members, ...row }) => ({ ...row, is_admin: row.admin_id === userId, memberCount: members }));
});

app.get('/api/v1/messages/conversation/:other', async (request) => {
  const rows = await rowsOf('conversation', CONVERSATION, [userOf(request), request.params.other, Number(request.query.limit)]);
  return rows.reverse().map((row) => ({ ...row, has_media: false, media_attachments: [] }));
});

await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${app.server.address().port}\n`);
