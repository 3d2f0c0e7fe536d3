import { randomUUID } from 'node:crypto';
import type { DomainName } from '@banyan/domains';
import { Deployment, type Parts } from '../support/deployment';
import { envelope, type Person, register } from '../support/people';
import { SocketClient } from '../support/socket-client';
import { until } from '../support/until';

jest.setTimeout(40_000);

const DOMAINS: readonly DomainName[] = ['websocket', 'relay', 'message', 'group', 'user'];

/** One host before the monolith. Its clients' sockets are at both; whoever opens his at the monolith itself is there only. */
describe('sockets with the monolith behind', () => {
  let deployment: Deployment;
  let url: string;
  let ada: Person;
  let ben: Person;
  let carol: Person;
  beforeAll(async () => {
    deployment = await Deployment.start({ legacy: { variant: 'text' } });
    ({ url } = deployment);
    [ada, ben, carol] = [await register(url, 'ada'), await register(url, 'ben'), await register(url, 'carol')];
    for (const one of [ben, carol]) await ada.post('/contacts/add', { user_id: ada.id, contact_id: one.id }).expect(200);
  });
  afterAll(() => deployment?.remove());

  const places = async (there: Readonly<Partial<Record<DomainName, Parts>>>) => {
    let version = 0;
    for (const domain of DOMAINS) version = await deployment.route(domain, there[domain] ?? {});
    await deployment.followed(version);
  };
  /** Open, with its own at the monolith. */
  const connect = async (person: Person) => {
    const open = await upstreams();
    const socket = await SocketClient.open(url, person);
    await until(async () => (await upstreams()) > open);
    return socket;
  };
  const upstreams = async () => {
    const [, count = '0'] = /^banyan_legacy_sockets (\d+)$/m.exec(await (await fetch(`${url}/metrics`)).text()) ?? [];
    return Number(count);
  };
  const closeAll = async (...sockets: SocketClient[]) => {
    await Promise.all(sockets.map((socket) => socket.close()));
    await until(async () => (await upstreams()) === 0);
  };

  it.each<[string, Parts]>([
    ['ours', {}],
    ['the monolith’s', { legacy: 1 }],
  ])('of whom sockets are %s and who has his at the monolith itself see each other, once', async (_whose, websocket) => {
    await places({ websocket, relay: { legacy: 1 } });
    const a = await connect(ada);
    const c = await SocketClient.open(deployment.legacy.url, carol);
    expect((await c.next('connection_established'))['online_users']).toContain(ada.id);
    await a.next('user_online', ({ user_id }) => user_id === carol.id);
    const b = await connect(ben);
    await c.next('user_online', ({ user_id }) => user_id === ben.id);
    const again = await connect(ada);
    expect((await again.next('connection_established'))['online_users']).toEqual(expect.arrayContaining([ben.id, carol.id]));
    await c.close();
    await a.next('user_offline', ({ user_id }) => user_id === carol.id);
    await b.close();
    await a.next('user_offline', ({ user_id }) => user_id === ben.id);
    await a.settled(ada.id);
    for (const type of ['user_online', 'user_offline'])
      expect(
        a
          .of(type)
          .map(({ user_id }) => user_id)
          .filter((id) => id !== ada.id)
          .sort(),
      ).toEqual([ben.id, carol.id].sort());
    await closeAll(a, again);
  });

  it('typing reaches whoever is at the monolith only, from people whom he knows', async () => {
    await places({ relay: { legacy: 1 } });
    const eve = await register(url, 'eve');
    const c = await SocketClient.open(deployment.legacy.url, carol);
    const [a, e] = [await connect(ada), await connect(eve)];
    await a.next('connection_established');
    await until(async () => a.of('user_online').some(({ user_id }) => user_id === carol.id) || onlineIn(a).includes(carol.id));
    e.say('typing', { recipient_id: carol.id, is_typing: true });
    await e.settled(eve.id);
    a.say('typing', { recipient_id: carol.id, is_typing: true });
    await c.next('typing');
    expect(c.of('typing')).toEqual([{ type: 'typing', sender_id: ada.id, is_typing: true }]);
    await c.close();
    await closeAll(a, e);
  });

  it('a frame goes to whoever has the work of its type, and is answered once, stored once, shown once', async () => {
    await places({ websocket: {}, message: { legacy: 1 } });
    const [a, b] = [await connect(ada), await connect(ben)];
    for (const message of [{ legacy: 1 }, {}, { legacy: 1 }]) {
      await places({ message, relay: { legacy: 1 } });
      const message_id = randomUUID();
      a.say('message', { recipient_id: ben.id, message_id, encrypted_content: message_id });
      await b.next('new_message', (frame) => frame['message_id'] === message_id);
      await a.next('message_sent', (frame) => frame['message_id'] === message_id);
      await a.settled(ada.id);
      expect(b.of('new_message').filter((frame) => frame['message_id'] === message_id)).toHaveLength(1);
      const { body } = await ben.get(`/messages/conversation/${ada.id}`).expect(200);
      expect((body as { id: string }[]).filter(({ id }) => id === message_id)).toHaveLength(1);
    }
    expect([a.closedWith, b.closedWith]).toEqual([undefined, undefined]);
    await closeAll(a, b);
  });

  it('a frame that says two types goes to whoever has the work of the one that counts', async () => {
    await places({ websocket: { legacy: 1 } });
    const [a, b] = [await connect(ada), await connect(ben)];
    const message_id = randomUUID();
    const payload = JSON.stringify({ recipient_id: ben.id, message_id, encrypted_content: 'hello' });
    a.socket.send(`{"type":"typing","payload":${payload},"type":"message"}`);
    a.socket.send(`{"type":"message","payload":{"recipient_id":"${ben.id}","encrypted_content":"nowhere","x":NaN}}`);
    const sent = await a.next('message_sent');
    expect(sent).toMatchObject({ message_id, timestamp: expect.stringMatching(/Z$/) as string }); // the monolith writes none
    await a.settled(ada.id);
    await b.next('new_message');
    expect([a.of('message_sent').length, b.of('new_message').length]).toEqual([1, 1]);
    await closeAll(a, b);
  });

  it('what the monolith could not store it neither shows nor confirms on a socket', async () => {
    await places({ message: { legacy: 1 }, relay: { legacy: 1 } });
    const [a, b] = [await connect(ada), await connect(ben)];
    await deployment.legacy.failMessageWrites(true);
    a.say('message', { recipient_id: ben.id, message_id: randomUUID(), encrypted_content: 'lost' });
    expect((await ada.post('/relay/send', envelope(ben))).body).toMatchObject({ code: 'legacy.not_stored' });
    await deployment.legacy.failMessageWrites(false);
    a.say('message', { recipient_id: ben.id, encrypted_content: 'kept' });
    await a.next('message_sent');
    await b.next('new_message');
    expect(b.of('new_message').map((frame) => frame['encrypted_content'])).toEqual(['kept']);
    expect(b.of('relay_message')).toEqual([]);
    expect(a.of('message_sent')).toHaveLength(1);
    await closeAll(a, b);
  });

  it('what is sent over HTTP reaches every socket, whichever of the two took it', async () => {
    await places({ websocket: { legacy: 1 }, relay: { legacy: 1 } });
    const before = await connect(ben);
    await places({ relay: { legacy: 1 } });
    const after = await connect(ben);
    for (const relay of [{ legacy: 1 }, {}, { legacy: 1 }]) {
      await places({ relay, group: { legacy: 1 } });
      const { body } = await ada.post('/relay/send', envelope(ben)).expect(200);
      expect(body).toMatchObject({ status: 'delivered' });
      const group = await ada.post(`/groups/create?name=${randomUUID()}`).expect(200);
      await ada.post(`/groups/add-member/${group.body.group_id}?user_id=${ben.id}`).expect(200);
      for (const socket of [before, after]) {
        await socket.next('relay_message', ({ data }) => (data as { id: string }).id === body.message_id);
        await socket.next('added_to_group', (frame) => frame['group_id'] === group.body.group_id);
        await socket.settled(ben.id);
        expect(socket.of('relay_message').filter(({ data }) => (data as { id: string }).id === body.message_id)).toHaveLength(1);
      }
    }
    await closeAll(before, after);
  });

  it('a restart of the monolith closes nothing: frames for it wait, those for us do not need it', async () => {
    await places({ message: { legacy: 1 }, relay: { legacy: 1 } });
    const [a, b] = [await connect(ada), await connect(ben)];
    await deployment.legacy.kill();
    b.say('typing', { recipient_id: ada.id, is_typing: true });
    await a.next('typing');
    const message_id = randomUUID();
    a.say('message', { recipient_id: ben.id, message_id, encrypted_content: 'waits' });
    await deployment.legacy.startAgain();
    await a.next('message_sent', (frame) => frame['message_id'] === message_id);
    const { body } = await ada.get(`/messages/conversation/${ben.id}`).expect(200);
    expect((body as { id: string }[]).map(({ id }) => id)).toContain(message_id);
    await until(async () => (await upstreams()) === 2);
    const sent = await ada.post('/relay/send', envelope(ben)).expect(200);
    await b.next('relay_message', ({ data }) => (data as { id: string }).id === sent.body.message_id);
    expect([a.closedWith, b.closedWith]).toEqual([undefined, undefined]);
    await closeAll(a, b);
  });
});

const onlineIn = (socket: SocketClient) => socket.of('connection_established').flatMap(({ online_users }) => online_users as string[]);
