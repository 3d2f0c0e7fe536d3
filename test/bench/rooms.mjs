/**
 * A group of many members who are all there: how long after a member has said something the last one has it, beside a bare `ws` server that
 * sends the same text to as many sockets. Kept in memory with `redis` as the second word: over Redis.
 *
 *     TEST_DATABASE_URL=… [TEST_REDIS_URL=…] node test/bench/rooms.mjs [members] [redis]
 */
import { fork } from 'node:child_process';
import { createHmac, randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { WebSocket, WebSocketServer } from 'ws';

import { startBanyan } from './programs.mjs';

const MEMBERS = Number(process.argv[2] ?? 10_000);
const ROUNDS = 20;
const SECRET = randomBytes(32).toString('hex');

if (process.argv[2] === 'bare') {
  const sockets = new Set();
  const server = new WebSocketServer({ port: 0, perMessageDeflate: false }, () => process.send(server.address().port));
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('message', (data) => {
      const text = data.toString();
      for (const other of sockets) if (other !== socket) other.send(text);
    });
  });
} else {
  const bare = fork(import.meta.filename, ['bare']);
  const port = await new Promise((resolve) => bare.once('message', resolve));
  const frame = JSON.stringify({ type: 'new_group_message', text: 'x'.repeat(400) });
  const bareMs = await measure(
    () => `ws://127.0.0.1:${port}`,
    () => frame,
  );
  bare.kill();
  const ownMs = await measureOwn(process.argv[3] === 'redis' ? process.env.TEST_REDIS_URL : undefined);
  console.log(
    JSON.stringify({ members: MEMBERS, last_has_it_ms: { own: ownMs, bare: bareMs }, ratio: Number((bareMs.p50 / ownMs.p50).toFixed(2)) }),
  );
  process.exit();
}

async function measureOwn(redisUrl) {
  const folder = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const names = ['auth', 'user', 'message', 'group', 'media', 'notification', 'host'].map((name) => [
    name,
    `b_${randomBytes(5).toString('hex')}_${name}`,
  ]);
  const urlOf = (database) => Object.assign(new URL(process.env.TEST_DATABASE_URL), { pathname: `/${database}` }).href;
  const databases = Object.fromEntries(names.map(([name, database]) => [`${name.toUpperCase()}_DATABASE_URL`, urlOf(database)]));
  const server = await startBanyan(
    { ...databases, DATA_DIR: folder, JWT_SECRET_KEY: SECRET, ...(redisUrl && { REDIS_URL: redisUrl }) },
    { cwd: folder },
  );
  try {
    const ids = Array.from({ length: MEMBERS }, () => randomUUID());
    const group = randomUUID();
    const inDatabase = async (name, text, values) => {
      const client = new pg.Client({ connectionString: databases[`${name}_DATABASE_URL`] });
      await client.connect();
      await client.query(text, values);
      await client.end();
    };
    const people = `SELECT id, id || '@example.com', id::text`;
    await inDatabase(
      'AUTH',
      `INSERT INTO banyan_auth.users (id, email, username, password_hash) ${people}, 'x' FROM unnest($1::uuid[]) AS id`,
      [ids],
    );
    await inDatabase('USER', `INSERT INTO banyan_user.user_profiles (id, email, username) ${people} FROM unnest($1::uuid[]) AS id`, [ids]);
    await inDatabase('GROUP', `INSERT INTO banyan_group.groups (id, name, admin_id) VALUES ($1, 'All', $2)`, [group, ids[0]]);
    const members = `SELECT gen_random_uuid(), $1, id FROM unnest($2::uuid[]) AS id`;
    await inDatabase('GROUP', `INSERT INTO banyan_group.group_members (id, group_id, user_id) ${members}`, [group, ids]);
    await inDatabase('GROUP', 'ANALYZE banyan_group.group_members');
    const say = (n) =>
      JSON.stringify({ type: 'group_message', payload: { group_id: group, encrypted_content: `${n} ${'x'.repeat(200)}` } });
    return await measure((i) => `${server.url.replace('http', 'ws')}/ws/${ids[i]}?token=${tokenOf(ids[i])}`, say);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
    const client = new pg.Client({ connectionString: process.env.TEST_DATABASE_URL });
    await client.connect();
    for (const [, database] of names) await client.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`);
    await client.end();
  }
}

/** One says, all others hear; ROUNDS times, one after the other. @returns milliseconds until the last one has it */
async function measure(urlOf, textOf) {
  let waiting = 0;
  let resolveAll;
  const open = async (i) => {
    const socket = new WebSocket(urlOf(i), { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    socket.on('message', (data) => {
      if (data.includes('new_group_message') && --waiting === 0) resolveAll();
    });
    return socket;
  };
  const sockets = [];
  for (let i = 0; i < MEMBERS; i += 50)
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(50, MEMBERS - i) }, (_, k) => open(i + k)))));
  const times = [];
  for (let n = 0; n < ROUNDS; n++) {
    waiting = MEMBERS - 1;
    const all = new Promise((resolve) => (resolveAll = resolve));
    const started = performance.now();
    sockets[n].send(textOf(n));
    await all;
    times.push(performance.now() - started);
  }
  for (const socket of sockets) socket.terminate();
  times.sort((a, b) => a - b);
  return { p50: Math.round(times[ROUNDS / 2]), max: Math.round(times.at(-1)) };
}

/** As the monolith makes them: good for whoever has its secret. */
function tokenOf(userId) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode({ sub: userId, exp: Math.floor(Date.now() / 1000) + 3_600 })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}
