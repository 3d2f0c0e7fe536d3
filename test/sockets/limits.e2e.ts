import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import jwt from 'jsonwebtoken';
import { startTestServer, TEST_SECRET, type TestServer } from '../support/banyan';
import { envelope, type Person, register } from '../support/people';
import { SocketClient } from '../support/socket-client';
import { until } from '../support/until';

/** What a socket is allowed, and when it ends. */
describe('a socket', () => {
  let server: TestServer;
  let url: string;
  let ada: Person;
  let bob: Person;
  beforeAll(async () => {
    server = await startTestServer({ environment: { CORS_ORIGINS: 'https://chat.example' } });
    ({ url } = server);
  });
  afterAll(() => server?.close());
  beforeEach(async () => {
    [ada, bob] = [await register(url), await register(url)];
  });

  it('whose client does not read is closed, and his queue is kept; others go on', async () => {
    const [slow, quick] = [await SocketClient.open(url, bob), await SocketClient.open(url, bob)];
    slow.socket.pause();
    const text = 'x'.repeat(400_000);
    const sent: string[] = [];
    // The machine's own buffers hold some megabytes of it.
    for (let i = 0; i < 60; i++) {
      const { body } = await ada.post('/relay/send', { ...envelope(bob), encrypted_content: text + i }).expect(200);
      sent.push(body.message_id as string);
    }
    await until(async () => quick.of('relay_message').length === sent.length);
    expect(quick.closedWith).toBeUndefined();
    slow.socket.resume();
    await until(async () => slow.closedWith !== undefined);
    expect(slow.of('relay_message').length).toBeLessThan(sent.length);
    const waiting: string[] = [];
    for (;;) {
      const { messages } = (await bob.get('/relay/pending').expect(200)).body as { messages: { id: string }[] };
      if (messages.length === 0) break;
      for (const { id } of messages) await bob.post('/relay/acknowledge', { message_id: id }).expect(200);
      waiting.push(...messages.map(({ id }) => id));
    }
    expect(waiting).toEqual(sent);
    await quick.close();
  });

  it('of a page of ours, or of nobody in particular, opens; of another page it does not', async () => {
    const path = `/ws/${ada.id}?token=${ada.token}`;
    for (const origin of ['https://evil.example', 'null', 'https://chat.example.evil.example', 'http://chat.example'])
      expect(await SocketClient.refusal(url, path, { origin })).toBe(403);
    for (const origin of ['https://chat.example', url]) await (await SocketClient.open(url, ada, { origin })).close();
  });

  it('closes with 1008 when its token runs out', async () => {
    const until = Math.floor(Date.now() / 1_000) + 3;
    const token = jwt.sign({ sub: ada.id, exp: until }, TEST_SECRET, { algorithm: 'HS256' });
    const [short, usual] = [await SocketClient.open(url, { id: ada.id, token }), await SocketClient.open(url, ada)];
    const [code] = (await once(short.socket, 'close')) as [number];
    expect(code).toBe(1008);
    expect(Date.now() / 1_000).toBeGreaterThanOrEqual(until);
    expect(usual.closedWith).toBeUndefined();
    expect(await SocketClient.refusal(url, `/ws/${ada.id}?token=${token}`)).toBe(403);
    await usual.close();
  });

  it('closes with 1008 when its user is removed', async () => {
    const socket = await SocketClient.open(url, ada);
    await ada.delete('/auth/me').send({ password: ada.password }).expect(200);
    await until(async () => socket.closedWith === 1008);
    expect(await SocketClient.refusal(url, `/ws/${ada.id}?token=${ada.token}`)).toBe(403);
  });

  it('closes when its session is ended from another device, and no other one does', async () => {
    const { body } = await ada.post('/auth/login', { email: ada.email, password: ada.password }).expect(200);
    const [here, there] = [
      await SocketClient.open(url, ada),
      await SocketClient.open(url, { id: ada.id, token: body.access_token as string }),
    ];
    await ada.post('/auth/logout', {}).expect(200);
    await until(async () => here.closedWith === 1008);
    await there.settled(ada.id);
    expect(there.closedWith).toBeUndefined();
    await there.close();
  });

  it('takes a flood of confirmations without being cut off, and confirms each message once', async () => {
    const [a, b] = [await SocketClient.open(url, ada), await SocketClient.open(url, bob)];
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push((await ada.post('/relay/send', envelope(bob)).expect(200)).body.message_id as string);
    for (let round = 0; round < 200; round++)
      for (const message_id of ids) {
        b.say('delivery_confirmation', { message_id, sender_id: ada.id });
        b.say('read_confirmation', { message_id, sender_id: ada.id });
      }
    await b.settled(bob.id);
    expect(b.closedWith).toBeUndefined();
    await until(async () => a.of('message_read').length === ids.length && a.of('message_delivered').length === ids.length);
    // On another socket the page says it all again.
    const second = await SocketClient.open(url, bob);
    for (const message_id of ids) second.say('read_confirmation', { message_id, sender_id: ada.id });
    await second.settled(bob.id);
    await a.settled(ada.id);
    expect(a.of('message_read')).toHaveLength(ids.length);
    await Promise.all([a, b, second].map((socket) => socket.close()));
  });

  it('hears nothing that is not stored', async () => {
    const [a, b] = [await SocketClient.open(url, ada), await SocketClient.open(url, bob)];
    const taken = (await ada.post('/relay/send', envelope(bob)).expect(200)).body.message_id as string;
    await b.next('relay_message');
    for (const payload of [
      { recipient_id: randomUUID(), encrypted_content: 'to nobody' },
      { recipient_id: bob.id, encrypted_content: 'under a taken id', message_id: taken },
      { recipient_id: bob.id, encrypted_content: 'no id', message_id: 'msg-1-2' },
      { recipient_id: bob.id },
      { recipient_id: bob.id, encrypted_content: null },
      { recipient_id: bob.id, encrypted_content: 'x'.repeat(600_000) },
    ])
      a.say('message', payload);
    await a.settled(ada.id);
    await b.settled(bob.id);
    expect([a.of('message_sent'), b.of('new_message')]).toEqual([[], []]);
    await Promise.all([a.close(), b.close()]);
  });
});
