// Kilobytes per idle socket of a server, beside a bare `ws` server in a process of its own. `node test/bench/idle-sockets.mjs [sockets]`
import { fork } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket, WebSocketServer } from 'ws';

const SOCKETS = Number(process.argv[2] ?? 5_000);
const USERS = 50;
const residentKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

if (process.argv[2] === 'bare') {
  const server = new WebSocketServer({ port: 0, perMessageDeflate: false }, () => process.send(server.address().port));
  server.on('connection', (socket) => socket.on('message', () => socket.close()));
} else {
  const bare = fork(import.meta.filename, ['bare']);
  const port = await new Promise((resolve) => bare.once('message', resolve));
  const bareKb = await measure(bare.pid, () => `ws://127.0.0.1:${port}`);
  bare.kill();
  const dataDir = mkdtempSync(join(tmpdir(), 'banyan-bench-'));
  const environment = { ...process.env, PORT: '18099', DATA_DIR: dataDir, RATE_LIMITS: 'off', LOG_LEVEL: 'warn' };
  const server = fork('dist/apps/server/src/main.js', [], { env: environment });
  try {
    const url = 'http://127.0.0.1:18099';
    while (!(await fetch(`${url}/readyz`).catch(() => undefined))?.ok) await pause(200);
    const people = [];
    for (let i = 0; i < USERS; i++) {
      const account = { email: `u${i}@example.com`, username: `user${i}`, password: 'correct-horse-1' };
      const answer = await fetch(`${url}/api/v1/auth/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(account),
      });
      people.push(await answer.json());
    }
    const ownKb = await measure(server.pid, (i) => {
      const { access_token: token, user } = people[i % USERS];
      return `ws://127.0.0.1:18099/ws/${user.id}?token=${token}`;
    });
    console.log(JSON.stringify({ sockets: SOCKETS, kilobytes: { own: ownKb, bare: bareKb }, ratio: ownKb / bareKb }));
  } finally {
    server.kill();
    await new Promise((resolve) => server.once('exit', resolve));
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function measure(pid, urlOf) {
  const open = async (i) => {
    const socket = new WebSocket(urlOf(i), { perMessageDeflate: false });
    await new Promise((resolve, reject) => socket.on('open', resolve).on('error', reject));
    return socket;
  };
  const warm = await Promise.all(Array.from({ length: 200 }, (_, i) => open(i)));
  await pause(2_000);
  const before = residentKb(pid);
  const sockets = [];
  for (let i = 0; i < SOCKETS; i += 50) sockets.push(...(await Promise.all(Array.from({ length: 50 }, (_, k) => open(i + k)))));
  await pause(3_000);
  const grown = (residentKb(pid) - before) / SOCKETS;
  for (const socket of [...sockets, ...warm]) socket.terminate();
  await pause(500);
  return Number(grown.toFixed(1));
}
