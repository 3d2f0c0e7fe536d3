// What POST /relay/send costs at least: Fastify and pg, the token verified, the same rows in one prepared statement per request.
// Run by bench.mjs: node bare-server.mjs DATABASE_URL SECRET
import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import jwt from 'jsonwebtoken';
import pg from 'pg';

const [url, secret] = process.argv.slice(2);
const pool = new pg.Pool({ connectionString: url, max: 8 });
const app = Fastify();

const INSERT = `
  WITH keyed AS (
    INSERT INTO banyan_message.request_keys (user_id, key, operation, body_hash, answer, expires_at)
    VALUES ($2, $14, 'message.accept', $15, json_build_object('message_id', $1::uuid), now() + interval '7 days') ON CONFLICT DO NOTHING
  ), stored AS (
    INSERT INTO banyan_message.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content,
      crypto_version, encryption_algorithm, kdf_algorithm, signatures, has_media, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, now())
  ), announced AS (
    INSERT INTO banyan_message.outbox (id, name, key, payload) VALUES ($13, 'message.sent', $3::text, json_build_object('message_id', $1::uuid))
  )
  INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, media_refs, created_at, expires_at)
  VALUES ($1, $2, $3, $12, now(), now() + interval '7 days') RETURNING expires_at`;

app.post('/api/v1/relay/send', async (request) => {
  const { sub } = jwt.verify(request.headers.authorization.slice(7), secret, { algorithms: ['HS256'] });
  const m = request.body;
  const id = randomUUID();
  const values = [
    id,
    sub,
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
    randomUUID(),
    randomUUID(),
    '-',
  ];
  const { rows } = await pool.query({ name: 'send', text: INSERT, values });
  return { success: true, message_id: id, status: 'queued', expires_at: rows[0].expires_at };
});

await app.listen({ port: 0, host: '127.0.0.1' });
process.stdout.write(`${app.server.address().port}\n`);
