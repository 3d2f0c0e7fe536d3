import { randomUUID } from 'node:crypto';
import { Deployment } from '../support/deployment';
import { envelope, type Person, register } from '../support/people';
import { placements, startPlaced } from '../support/placements';
import { SocketClient } from '../support/socket-client';
import { until } from '../support/until';

async function befriend(ada: Person, bob: Person): Promise<void> {
  await ada.post('/contacts/add', { user_id: ada.id, contact_id: bob.id }).expect(200);
}

describe.each(placements)('sockets with $name', (placement) => {
  let deployment: Deployment;
  let url: string;
  beforeAll(async () => {
    deployment = await startPlaced(placement);
    ({ url } = deployment);
  });
  afterAll(() => deployment?.remove());

  it('(4.1) greet with the queue and then with who is there', async () => {
    const [ada, bob, carol] = [await register(url), await register(url), await register(url)];
    await befriend(ada, bob);
    const { body } = await ada.post('/relay/send', envelope(bob)).expect(200);
    const [a, c] = [await SocketClient.open(url, ada), await SocketClient.open(url, carol)];
    const b = await SocketClient.open(url, bob);
    expect(b.frames.map(({ type }) => type)).toEqual(['relay_message', 'connection_established']);
    expect(b.frames[0]).toMatchObject({ data: { id: body.message_id, sender_id: ada.id } });
    expect(b.frames[1]).toMatchObject({ user_id: bob.id, online_users: [ada.id] });
    await a.next('user_online', ({ user_id }) => user_id === bob.id);
    const second = await SocketClient.open(url, bob);
    await b.close();
    await second.close();
    await a.next('user_offline', ({ user_id }) => user_id === bob.id);
    expect(a.of('user_offline')).toHaveLength(1);
    expect(c.of('user_online')).toEqual([]);
    await Promise.all([a.close(), c.close()]);
  });

  it('(4.2) pass on receipts once, however often they are sent, and typing between people who know each other', async () => {
    const [ada, bob, mallory] = [await register(url), await register(url), await register(url)];
    const [a, b, m] = [await SocketClient.open(url, ada), await SocketClient.open(url, bob), await SocketClient.open(url, mallory)];
    const sent = await ada.post('/relay/send', envelope(bob)).expect(200);
    expect(sent.body.status).toBe('delivered');
    const { message_id } = sent.body as { message_id: string };
    await b.next('relay_message');
    for (let i = 0; i < 50; i++) {
      b.say('delivery_confirmation', { message_id, sender_id: ada.id });
      b.say('read_confirmation', { message_id, sender_id: ada.id });
      m.say('read_confirmation', { message_id, sender_id: ada.id });
    }
    m.say('typing', { recipient_id: ada.id, is_typing: true });
    b.say('typing', { recipient_id: ada.id, is_typing: true });
    await Promise.all([b.settled(bob.id), m.settled(mallory.id)]);
    await a.next('typing');
    expect(a.of('typing')).toEqual([{ type: 'typing', sender_id: bob.id, is_typing: true }]);
    await until(async () => a.of('message_read').length > 0 && a.of('message_delivered').length > 0);
    await a.settled(ada.id);
    expect(a.of('message_delivered')).toEqual([{ type: 'message_delivered', message_id, timestamp: expect.any(String) }]);
    expect(a.of('message_read')).toHaveLength(1);
    const { body } = await bob.get(`/messages/conversation/${ada.id}`).expect(200);
    expect(body).toMatchObject([{ id: message_id, is_read: true }]);
    await Promise.all([a, b, m].map((socket) => socket.close()));
  });

  it('(4.1) show a message of a socket to the recipient, or keep it in his queue', async () => {
    const [ada, bob] = [await register(url), await register(url)];
    const [a, b] = [await SocketClient.open(url, ada), await SocketClient.open(url, bob)];
    const message_id = randomUUID();
    for (let i = 0; i < 3; i++) a.say('message', { recipient_id: bob.id, message_id, encrypted_content: 'hello' });
    a.say('message', { recipient_id: randomUUID(), encrypted_content: 'to nobody' });
    await a.settled(ada.id);
    await b.next('new_message');
    expect(b.of('new_message')).toHaveLength(1);
    expect(a.of('message_sent')).toEqual([{ type: 'message_sent', message_id, status: 'sent', timestamp: expect.any(String) }]);
    await b.close();
    for (let i = 0; i < 10; i++) {
      const [id, encrypted_content] = [randomUUID(), `while away, ${i}`];
      a.say('message', { recipient_id: bob.id, message_id: id, encrypted_content });
      await a.settled(ada.id);
      const again = await SocketClient.open(url, bob); // at once, before anybody has heard of it
      expect(again.of('relay_message')).toMatchObject([{ data: { id, encrypted_content } }]);
      await again.close();
      await bob.post('/relay/acknowledge', { message_id: id }).expect(200);
    }
    await a.close();
  });

  it('(4.3) are refused with 403, and close when who holds them is signed out', async () => {
    const [ada, bob] = [await register(url), await register(url)];
    for (const path of [
      `/ws/${ada.id}`,
      `/ws/${ada.id}?token=x`,
      `/ws/${ada.id}?token=${bob.token}`,
      `/ws/${ada.id.toUpperCase()}?token=${ada.token}`,
    ])
      expect(await SocketClient.refusal(url, path)).toBe(403);
    const origin = { origin: 'https://evil.example' };
    expect(await SocketClient.refusal(url, `/ws/${ada.id}?token=${ada.token}`, origin)).toBe(403);
    const [a, b] = [await SocketClient.open(url, ada), await SocketClient.open(url, bob)];
    await ada.post('/auth/logout', {}).expect(200);
    await until(async () => a.closedWith === 1008);
    expect(b.closedWith).toBeUndefined();
    await b.close();
  });
});
