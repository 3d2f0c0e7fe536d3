import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import { WebSocket, WebSocketServer } from 'ws';
import { dropDatabases, freshEnvironment } from '../support/banyan';
import { banyan } from '../support/cli';
import { exchange } from '../support/raw-http';
import { ServerProcess } from '../support/server-process';

/** A monolith behind TLS, whose certificate is signed by nobody and is for `localhost` only. */
let folder: string;
let monolith: Server;
let environment: Record<string, string>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'banyan-https-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const request =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost';
  execFileSync('openssl', [...request.split(' '), '-keyout', key, '-out', cert], { stdio: 'ignore' });
  monolith = createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (asked, answer) => {
    answer.writeHead(asked.url === '/api/v1/auth/me' ? 401 : 200, { 'content-type': 'application/json' });
    answer.end(JSON.stringify({ detail: 'User not found', host: asked.headers.host }));
  });
  const sockets = new WebSocketServer({ server: monolith });
  sockets.on('connection', (socket) => socket.on('message', (text) => socket.send(String(text))));
  monolith.listen(0, '127.0.0.1');
  await once(monolith, 'listening');
  environment = { ...freshEnvironment(), LEGACY_URL: `https://localhost:${(monolith.address() as AddressInfo).port}` };
});

afterAll(async () => {
  monolith?.closeAllConnections();
  monolith?.close();
  await dropDatabases(environment);
  rmSync(folder, { recursive: true, force: true });
});

const ask = (host: ServerProcess) => exchange(host.url, 'GET /x HTTP/1.1\r\nHost: chat.example\r\nConnection: close\r\n\r\n');

it('is asked by its own name, whatever the client calls it, once its certificate is known', async () => {
  const known = { ...environment, NODE_EXTRA_CA_CERTS: join(folder, 'cert.pem') };
  const host = await ServerProcess.start(known);
  try {
    for (let i = 0; i < 2; i++) expect(JSON.parse((await ask(host)).body.toString())).toMatchObject({ host: 'chat.example' });
    const [id, secret] = [randomUUID(), environment['JWT_SECRET_KEY']!];
    const token = jwt.sign({ sub: id }, secret, { expiresIn: '1h' });
    const socket = new WebSocket(`${host.url.replace('http', 'ws')}/ws/${id}?token=${token}`, { headers: { host: 'chat.example' } });
    await once(socket, 'open');
    socket.send('{"type":"hello"}');
    expect(((await once(socket, 'message')) as [Buffer])[0].toString()).toBe('{"type":"hello"}');
    socket.terminate();
    expect((await banyan(known, 'doctor')).out).toMatch(/^ok +monolith +– answers, and takes the tokens/m);
  } finally {
    await host.remove();
  }
});

it('is not trusted otherwise: 502', async () => {
  const host = await ServerProcess.start(environment);
  try {
    expect((await ask(host)).statusLine).toBe('HTTP/1.1 502 Bad Gateway');
    expect((await banyan(environment, 'doctor')).out).toMatch(/^broken +monolith +– Nobody answers at LEGACY_URL/m);
  } finally {
    await host.remove();
  }
});
