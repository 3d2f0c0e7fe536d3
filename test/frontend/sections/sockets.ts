import { randomUUID } from 'node:crypto';
import type { SocketClient } from '../../support/socket-client';
import { until } from '../../support/until';
import { PNG, fileOf } from '../../media/files';
import type { Home } from '../homes';
import { befriend, Page } from '../page';

const ids = (frames: readonly { readonly [key: string]: unknown }[], key = 'message_id') => frames.map((frame) => frame[key]);

export function sockets(home: () => Home): void {
  let ada: Page;
  let bob: Page;
  let cyd: Page;
  const open: SocketClient[] = [];
  const socketOf = async (page: Page) => {
    const socket = await page.socket();
    open.push(socket);
    return socket;
  };
  beforeAll(async () => {
    [ada, bob, cyd] = [await Page.register(home(), 'ada'), await Page.register(home(), 'bob'), await Page.register(home(), 'cyd')];
    await befriend(home(), ada, bob);
  });
  afterEach(() => Promise.all(open.splice(0).map((socket) => socket.close())));

  async function group(...members: Page[]): Promise<string> {
    const { body } = await ada.call('post', '/groups/create?name=Talk').expect(200);
    await Promise.all(members.map(({ id }) => ada.call('post', `/groups/add-member/${body.group_id}?user_id=${id}`).expect(200)));
    return body.group_id as string;
  }

  describe('4.1 Frames it understands', () => {
    it('who is there: at the opening, and when contacts come and go; devices of one count once', async () => {
      const [dan, eve] = [await Page.register(home(), 'dan'), await Page.register(home(), 'eve')];
      await befriend(home(), dan, eve);
      const [stranger, d, e] = [await socketOf(cyd), await socketOf(dan), await socketOf(eve)];
      expect((await e.next('connection_established'))['online_users']).toEqual([dan.id]);
      await d.next('user_online', ({ user_id }) => user_id === eve.id);
      const second = await socketOf(eve);
      await e.close();
      await second.settled(eve.id);
      expect(d.of('user_offline')).toEqual([]);
      await second.close();
      await d.next('user_offline', ({ user_id }) => user_id === eve.id);
      expect([stranger.of('user_online'), stranger.of('user_offline')]).toEqual([[], []]);
    });

    it('relay_message: once to each device, with the id that the queue and the history have', async () => {
      const [phone, laptop] = [await socketOf(bob), await socketOf(bob)];
      const { body } = await ada.send(bob, 'hello').expect(200);
      expect(body.status).toBe('delivered');
      for (const device of [phone, laptop]) {
        const { data } = await device.next('relay_message');
        expect(data).toMatchObject({
          id: body.message_id,
          sender_id: ada.id,
          recipient_id: bob.id,
          encrypted_content: 'hello',
          media_refs: [],
        });
      }
      expect((await bob.call('get', '/relay/pending')).body.messages).toMatchObject([{ id: body.message_id }]);
      await bob.call('post', '/relay/acknowledge', { message_id: body.message_id }).expect(200);
      for (const device of [phone, laptop]) {
        await device.settled(bob.id);
        expect(device.of('relay_message')).toHaveLength(1);
      }
    });

    it('groups: made, joined, renamed, left, deleted', async () => {
      const [a, b] = [await socketOf(ada), await socketOf(bob)];
      const group_id = await group(bob);
      expect(await a.next('group_created')).toEqual({
        type: 'group_created',
        group_id,
        name: 'Talk',
        description: null,
        admin_id: ada.id,
        timestamp: expect.stringMatching(/Z$/),
      });
      expect(await b.next('added_to_group')).toMatchObject({
        group_id,
        group_name: 'Talk',
        added_by: ada.username,
        added_by_id: ada.id,
        role: 'member',
      });
      for (const socket of [a, b])
        expect(await socket.next('member_added')).toMatchObject({
          group_id,
          new_member_id: bob.id,
          new_member_username: bob.username,
          added_by: ada.username,
        });
      await ada.call('post', `/groups/add-member/${group_id}?user_id=${cyd.id}`).expect(200);
      await b.next('member_added', ({ new_member_id }) => new_member_id === cyd.id);
      const c = await socketOf(cyd);
      await ada.call('delete', `/groups/remove-member/${group_id}/${cyd.id}`).expect(200);
      expect(await c.next('removed_from_group')).toMatchObject({ group_id, removed_by: ada.id, timestamp: expect.any(String) });
      for (const socket of [a, b]) expect(await socket.next('member_removed')).toMatchObject({ group_id, removed_user_id: cyd.id });
      await ada.call('delete', `/groups/${group_id}`).expect(200);
      for (const socket of [a, b])
        expect(await socket.next('group_deleted')).toMatchObject({ group_id, group_name: 'Talk', deleted_by: ada.id });
      await c.settled(cyd.id);
      expect([c.of('group_deleted'), c.of('member_removed')]).toEqual([[], []]);
      expect([a, b].map((socket) => socket.of('group_deleted').length)).toEqual([1, 1]);
    });
  });

  describe('4.2 Frames it sends', () => {
    it('typing, to contacts and nobody else', async () => {
      const [a, c] = [await socketOf(ada), await socketOf(cyd)];
      const b = await socketOf(bob);
      b.say('typing', { recipient_id: ada.id, is_typing: true });
      b.say('typing', { recipient_id: cyd.id, is_typing: true });
      b.say('typing', { recipient_id: ada.id, is_typing: false });
      await b.settled(bob.id);
      await until(async () => a.of('typing').length === 2);
      await c.settled(cyd.id);
      expect(a.of('typing')).toEqual([true, false].map((is_typing) => ({ type: 'typing', sender_id: bob.id, is_typing })));
      expect(ids(c.of('typing'), 'sender_id')).toEqual([cyd.id]);
    });

    it('confirmations, in floods, twice, from two sockets: the sender hears of each message once', async () => {
      const [a, one, two] = [await socketOf(ada), await socketOf(bob), await socketOf(bob)];
      const sent: string[] = [];
      for (let i = 0; i < 11; i++) sent.push((await ada.send(bob, `${i}`).expect(200)).body.message_id as string);
      for (let round = 0; round < 10; round++)
        for (const message_id of sent)
          for (const socket of [one, two]) {
            socket.say('delivery_confirmation', { message_id, sender_id: ada.id });
            socket.say('read_confirmation', { message_id, sender_id: ada.id });
          }
      await Promise.all([one.settled(bob.id), two.settled(bob.id)]);
      await until(async () => a.of('message_read').length >= sent.length && a.of('message_delivered').length >= sent.length);
      await a.settled(ada.id);
      expect(ids(a.of('message_read')).sort()).toEqual([...sent].sort());
      expect(ids(a.of('message_delivered')).sort()).toEqual([...sent].sort());
      const { body } = await ada.call('get', `/messages/conversation/${bob.id}`).expect(200);
      expect((body as { id: string; is_read: boolean }[]).filter(({ id }) => sent.includes(id)).every(({ is_read }) => is_read)).toBe(true);
    });

    it('confirmations that are nobody’s business change nothing: of groups, of strangers, with ids that are none', async () => {
      const [a, c] = [await socketOf(ada), await socketOf(cyd)];
      const { message_id } = (await ada.send(bob, 'secret').expect(200)).body as { message_id: string };
      for (const payload of [
        { message_id, sender_id: ada.id },
        { message_id: 'msg-1-x', sender_id: ada.id },
        { message_id: 'msg-1-x', group_id: randomUUID(), delivered_by: cyd.id },
        { message_id, sender_id: '1' },
        { message_id: null, sender_id: null },
        {},
      ])
        for (const type of ['delivery_confirmation', 'read_confirmation']) c.say(type, payload);
      await c.settled(cyd.id);
      await a.settled(ada.id);
      expect([a.of('message_delivered'), a.of('message_read')]).toEqual([[], []]);
    });

    it('group_message under a name that is no UUID, as itself and nobody else; again under that name it is the same', async () => {
      const group_id = await group(bob, cyd);
      const [a, b, c] = [await socketOf(ada), await socketOf(bob), await socketOf(cyd)];
      const second = await socketOf(bob);
      const payload = {
        group_id,
        sender_id: ada.id, // what the page believes
        message_id: `msg-${Date.now()}-x1y2`,
        encrypted_content: 'zwölf 🥊',
        encrypted_session_keys: { [ada.id]: 'placeholder' },
        timestamp: new Date().toISOString(),
        recipient_ids: [randomUUID()],
      };
      b.say('group_message', payload);
      b.say('group_message', payload);
      const { message_id, timestamp } = await b.next('group_message_sent');
      const expected = {
        type: 'new_group_message',
        group_id,
        sender_id: bob.id,
        message_id,
        encrypted_content: 'zwölf 🥊',
        encrypted_session_keys: { [ada.id]: 'placeholder' },
        timestamp,
      };
      for (const socket of [a, c]) expect(await socket.next('new_group_message')).toEqual(expected);
      await second.next('group_message_sent');
      await b.settled(bob.id);
      for (const socket of [a, b, c, second]) {
        expect(socket.of('new_group_message').length).toBe(socket === a || socket === c ? 1 : 0);
        expect(socket.of('group_message_sent').length).toBe(socket === b || socket === second ? 1 : 0);
      }
      const { body } = await cyd.call('get', `/groups/${group_id}/messages`).expect(200);
      expect(body.messages).toMatchObject([{ id: message_id, content: 'zwölf 🥊', sender_id: bob.id, created_at: timestamp }]);
    });

    it('group_message of an outsider, of one who was removed, into nothing, without a text: nothing happens', async () => {
      const group_id = await group(bob);
      const [a, c] = [await socketOf(ada), await socketOf(cyd)];
      for (const payload of [
        { group_id, encrypted_content: 'outside' },
        { group_id: randomUUID(), encrypted_content: 'nowhere' },
        { group_id: '1', encrypted_content: 'no id' },
        { encrypted_content: 'no group' },
      ])
        c.say('group_message', payload);
      a.say('group_message', { group_id, encrypted_content: null });
      a.say('group_message', { group_id });
      await c.settled(cyd.id);
      await ada.call('post', `/groups/add-member/${group_id}?user_id=${cyd.id}`).expect(200);
      await ada.call('delete', `/groups/remove-member/${group_id}/${cyd.id}`).expect(200);
      c.say('group_message', { group_id, encrypted_content: 'after all' });
      await c.settled(cyd.id);
      await a.settled(ada.id);
      expect([a.of('new_group_message'), c.of('group_message_sent'), a.of('group_message_sent')]).toEqual([[], [], []]);
      expect((await ada.call('get', `/groups/${group_id}/messages`).expect(200)).body.messages).toEqual([]);
    });

    it('contact_added, of oneself to somebody in whose list one is', async () => {
      const a = await socketOf(ada);
      const [b, c] = [await socketOf(bob), await socketOf(cyd)];
      b.say('contact_added', { contact_id: bob.id, inviter_id: ada.id, invitee_email: bob.email });
      c.say('contact_added', { contact_id: cyd.id, inviter_id: ada.id, username: 'fake' });
      c.say('contact_added', { contact_id: bob.id, inviter_id: ada.id });
      await Promise.all([b.settled(bob.id), c.settled(cyd.id)]);
      expect(await a.next('contact_added')).toMatchObject({ contact_id: bob.id, username: bob.username });
      await a.settled(ada.id);
      expect(a.of('contact_added')).toHaveLength(1);
    });
  });

  describe('4.3 Connecting and reconnecting', () => {
    it('a queue comes with the opening and with `pending`, under one id, and is empty once acknowledged', async () => {
      const { message_id } = (await ada.send(bob, 'while away').expect(200)).body as { message_id: string };
      const b = await socketOf(bob);
      const pending = (await bob.call('get', '/relay/pending').expect(200)).body as { messages: { id: string }[] };
      const pushed = b.of('relay_message').map(({ data }) => (data as { id: string }).id);
      expect(pushed).toEqual(pending.messages.map(({ id }) => id));
      expect(pushed).toContain(message_id);
      await Promise.all(pushed.map((id) => bob.call('post', '/relay/acknowledge', { message_id: id }).expect(200)));
      await b.close();
      expect((await socketOf(bob)).of('relay_message')).toEqual([]);
    });
  });

  describe('5. Sending and history of 1:1 messages', () => {
    it('the own text is in the own history, on any device', async () => {
      const page = await bob.signIn();
      const { body: sent } = await page.send(cyd, 'for cyd').expect(200);
      const { body } = await page.call('get', `/messages/conversation/${cyd.id}?current_user_id=${page.id}`).expect(200);
      expect(body).toMatchObject([{ id: sent.message_id, sender_encrypted_content: 'own for cyd', encrypted_content: 'for cyd' }]);
    });
  });

  describe('6. Media', () => {
    it('files go up in parallel, arrive with the message, stay in the history, and come down with and without a token', async () => {
      const b = await socketOf(bob);
      const messageId = randomUUID();
      const files = [
        { bytes: PNG, name: 'photo.png', type: 'image/png' },
        { bytes: fileOf('mp4', 300_000), name: 'film.mp4', type: 'video/mp4' },
        { bytes: fileOf('pdf', 200_000), name: 'plan.pdf', type: 'application/pdf' },
      ];
      const refs = await Promise.all(
        files.map(
          async ({ bytes, name, type }) => (await ada.upload(bytes, name, type, messageId).expect(200)).body as Record<string, unknown>,
        ),
      );
      const { body: sent } = await ada.send(bob, 'with files', refs).expect(200);
      const { data } = await b.next('relay_message', (frame) => (frame['data'] as { id: string }).id === sent.message_id);
      expect(data).toMatchObject({ has_media: true, media_refs: refs });
      const { body: history } = await bob.call('get', `/messages/conversation/${ada.id}`).expect(200);
      const shown = (history as { id: string; media_attachments: Record<string, unknown>[] }[]).find(({ id }) => id === sent.message_id)!;
      expect(shown.media_attachments.map(({ id }) => id).sort()).toEqual(refs.map(({ id }) => id).sort());
      for (const [index, { file_url, file_name, file_type, file_size }] of refs.entries()) {
        expect([file_name, file_type, file_size]).toEqual([files[index]!.name, files[index]!.type, files[index]!.bytes.length]);
        const path = (file_url as string).replace('/api/v1', '');
        const image = await bob.callAs(undefined, 'get', path).buffer(true).expect(200);
        expect(image.headers['cross-origin-resource-policy']).toBe('cross-origin');
        const download = await bob.call('get', path).buffer(true).expect(200);
        expect(download.headers['access-control-allow-origin']).toBe('https://chat.example');
        expect(download.headers['access-control-allow-credentials']).toBe('true');
        expect(Number(download.headers['content-length'])).toBe(file_size);
      }
    });

    it('files of a message that came by the socket are its own, and only its sender’s', async () => {
      const [a, b] = [await socketOf(ada), await socketOf(bob)];
      const own = (await ada.upload(PNG, 'mine.png', 'image/png', randomUUID()).expect(200)).body as Record<string, unknown>;
      const foreign = (await cyd.upload(PNG, 'hers.png', 'image/png', randomUUID()).expect(200)).body as Record<string, unknown>;
      const message_id = randomUUID();
      a.say('message', {
        recipient_id: bob.id,
        message_id,
        encrypted_content: 'look',
        media_ids: [own['id'], foreign['id'], randomUUID(), 'nothing', 7, null],
      });
      const { id, file_name, file_type, file_size, file_url } = own;
      expect(await b.next('new_message')).toEqual({
        type: 'new_message',
        sender_id: ada.id,
        message_id,
        encrypted_content: 'look',
        encrypted_session_key: null,
        timestamp: expect.stringMatching(/Z$/),
        has_media: true,
        media_attachments: [{ id, file_name, file_type, file_size, file_url, category: 'image' }],
      });
      await a.next('message_sent', (frame) => frame['message_id'] === message_id);
      const { body } = await bob.call('get', `/messages/conversation/${ada.id}`).expect(200);
      const shown = (body as { id: string; media_attachments: unknown[] }[]).find((message) => message.id === message_id);
      expect(shown!.media_attachments).toMatchObject([{ id, file_url }]);
    });
  });

  describe('7. Group messages', () => {
    it('come also when they were sent over HTTP, in the order of one socket, with the text as content', async () => {
      const group_id = await group(bob);
      const [a, b] = [await socketOf(ada), await socketOf(bob)];
      await ada.call('post', `/groups/${group_id}/messages`, { encrypted_content: 'by HTTP' }).expect(200);
      expect(await b.next('new_group_message')).toMatchObject({
        group_id,
        sender_id: ada.id,
        encrypted_content: 'by HTTP',
        encrypted_session_keys: {},
      });
      await a.next('group_message_sent');
      const texts = Array.from({ length: 30 }, (_, n) => `text ${n}`);
      for (const text of texts) a.say('group_message', { group_id, encrypted_content: text });
      await until(async () => b.of('new_group_message').length === texts.length + 1);
      expect(ids(b.of('new_group_message'), 'encrypted_content')).toEqual(['by HTTP', ...texts]);
      await until(async () => a.of('group_message_sent').length === texts.length + 1);
      const { body } = await bob.call('get', `/groups/${group_id}/messages?limit=100`).expect(200);
      expect((body.messages as { content: string }[]).map(({ content }) => content).reverse()).toEqual(['by HTTP', ...texts]);
      await b.settled(bob.id);
      expect(b.of('new_group_message')).toHaveLength(texts.length + 1);
      expect(a.of('new_group_message')).toEqual([]);
    });
  });
}
