import { randomUUID } from 'node:crypto';
import * as fc from 'fast-check';
import { accept, messageContract, pending as pendingMessages } from '@banyan/message/contract';
import { Unavailable } from '@banyan/platform/contract';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import type { Connection } from '@banyan/websocket/connections';
import { type Frame, push } from '@banyan/websocket/contract';
import { WebsocketService } from '@banyan/websocket/websocket.service';
import { type DataHome, ownHome } from '../../../test/support/data-homes';
import { FragileKeyValue, keyValueStores } from '../../../test/support/fragile.keyvalue';
import { type House, startHouse } from '../../../test/support/house';
import { relayContract } from './contract';

describe.each(keyValueStores)('the relay, with a key-value store $keyvalueName,', ({ openKeyValue }) => {
  let home: DataHome;
  let keyvalue: KeyValue;
  let store: FragileKeyValue;
  let house: House;
  let [alice, bob]: string[] = [];
  const relay = (caller: string) => house.as(caller, relayContract);
  beforeAll(async () => {
    home = await ownHome.open('user', 'message');
    keyvalue = await openKeyValue();
    store = new FragileKeyValue(keyvalue);
    house = await startHouse({ domains: ['user', 'message', 'relay', 'websocket'], home, keyvalue: store });
    alice = await home.addUser();
  });
  beforeEach(async () => {
    bob = await home.addUser();
  });
  afterEach(() => {
    for (const operation of [accept, pendingMessages, push]) house.interrupt(operation, undefined);
    store.failNext(0);
  });
  afterAll(async () => {
    await house?.close();
    await keyvalue?.close();
    await home?.close();
  });

  const send = (more: object = {}, key?: string) =>
    relay(alice!).send({ recipient_id: bob!, encrypted_content: 'content', encrypted_session_key: 'key', ...more }, { key });
  const pending = async () => (await relay(bob!).pending({})).messages;
  const waiting = async () => (await pending()).map(({ id }) => id);
  const acknowledge = async (id: string, who = bob!) => (await relay(who).acknowledge({ message_id: id })).status;

  it('hands out a message as it was sent, and counts how often', async () => {
    const content = {
      encrypted_content: ' {"ct":"\u{1f600}"}\r\n',
      crypto_version: 'v2',
      signatures: [{ z: 1, a: 2 }],
      media_refs: [],
    };
    // Nothing that its sender says about files is handed out: there is no such upload.
    const { message_id, ...sent } = await send({
      ...content,
      media_refs: [{ id: 'm', file_url: 'javascript:x' }],
      has_media: true,
      sender_encrypted_content: 'own',
    });
    expect(sent).toEqual({ success: true, status: 'queued', expires_at: expect.stringMatching(/Z$/) });
    const [message] = await pending();
    expect(message).toEqual({
      ...content,
      id: message_id,
      sender_id: alice,
      recipient_id: bob,
      encrypted_session_key: 'key',
      encryption_algorithm: 'ECDH-AES256-GCM',
      kdf_algorithm: 'HKDF-SHA256',
      has_media: true,
      created_at: expect.stringMatching(/\.\d{6}Z$/),
      delivery_attempts: 1,
    });
    expect((await pending())[0]!.delivery_attempts).toBeGreaterThan(1);
  });

  it('hands out messages oldest first, from whomever they come', async () => {
    const carol = await home.addUser();
    const sent: string[] = [];
    for (const sender of [alice!, carol, alice!, carol]) {
      const draft = { recipient_id: bob!.toUpperCase(), encrypted_content: 'c', encrypted_session_key: 'k' };
      sent.push((await relay(sender).send(draft)).message_id);
    }
    expect(await waiting()).toEqual(sent);
    expect((await relay(alice!).pending({})).count).toBe(0);
  });

  it('knows one message for each key', async () => {
    const key = randomUUID();
    const sent = await Promise.all([send({}, key), send({}, key), send({}, key)]);
    expect(new Set(sent.map(({ message_id }) => message_id)).size).toBe(1);
    expect(await waiting()).toEqual([sent[0]!.message_id]);
    await expect(send({ encrypted_content: 'other' }, key)).rejects.toMatchObject({ code: 'idempotency_key_reused' });
  });

  it('lets only the recipient acknowledge, once, in any spelling', async () => {
    const [first, second] = [await send(), await send()];
    expect(await acknowledge(first.message_id, alice!)).toBe('not_found');
    expect(await waiting()).toHaveLength(2);
    expect(await acknowledge(first.message_id.toUpperCase())).toBe('deleted');
    expect(await acknowledge(first.message_id)).toBe('not_found');
    expect(await waiting()).toEqual([second.message_id]);
    for (const text of ['', 'no id', randomUUID(), `${'x'.repeat(900)}`]) expect(await acknowledge(text)).toBe('not_found');
    expect(await house.as(bob!, messageContract).conversation({ other_user_id: alice! })).toHaveLength(2);
  });

  it('refuses who is not there, and lets expire what has no time', async () => {
    await expect(send({ recipient_id: randomUUID() })).rejects.toMatchObject({ code: 'message.recipient_not_found', status: 404 });
    const { message_id, expires_at } = await send({ ttl_days: -1 });
    expect(expires_at).toMatch(/Z$/);
    expect(await waiting()).toEqual([]);
    expect(await acknowledge(message_id)).toBe('not_found');
    expect((await relay(bob!).cleanup({})).deleted_count).toBeGreaterThanOrEqual(1);
    expect((await relay(bob!).stats({})).stats).toMatchObject({ acknowledged_messages: 0, expired_messages: 0 });
  });

  it('says that a message was delivered if an open socket took it, and keeps it all the same', async () => {
    const frames: Frame[] = [];
    const connection: Connection = {
      connectionId: randomUUID(),
      userId: bob!,
      send: (frame) => frames.push(frame) > 0,
      end: () => undefined,
    };
    await house.get(WebsocketService).open(connection);
    const { message_id, status } = await send();
    expect(status).toBe('delivered');
    expect(new Set(frames.map(({ id }) => id))).toEqual(new Set([message_id]));
    const { delivery_attempts, ...pushed } = frames[0]!.body.data as Record<string, unknown>;
    const [{ delivery_attempts: _, ...message } = { delivery_attempts: 0 }] = await pending();
    expect(delivery_attempts).toBe(0);
    expect(pushed).toEqual(message);
    expect((await relay(alice!).stats({})).stats.online_users).toBe(1);
    await house.get(WebsocketService).close(connection);
    expect((await send()).status).toBe('queued');
  });

  it('accepts messages while sockets and index are away', async () => {
    house.interrupt(push, () => Promise.reject(Unavailable()));
    expect(await waiting()).toEqual([]);
    store.failNext(1_000);
    const { message_id, status } = await send();
    expect(status).toBe('queued');
    expect(await waiting()).toEqual([message_id]);
    store.failNext(0);
    await house.deliverEvents();
    expect(await waiting()).toEqual([message_id]);
    store.failNext(1_000);
    expect(await acknowledge(message_id)).toBe('deleted');
    store.failNext(0);
    expect(await waiting()).toEqual([]);
  });

  it('shows the whole queue to whoever opens a socket, also what the index has not heard of yet', async () => {
    const queue = async () => (await relay(bob!).queue({})).messages.map(({ id }) => id);
    expect(await queue()).toEqual([]);
    expect(await waiting()).toEqual([]);
    // As a socket posts it: past the relay, whose index hears of it from the event.
    const draft = { recipient_id: bob!, encrypted_content: 'content', encrypted_session_key: 'key' };
    const { message_id } = await house.as(alice!, messageContract).post(draft);
    expect(await queue()).toEqual([message_id]);
    await house.deliverEvents();
    expect(await waiting()).toEqual([message_id]);
    store.failNext(1_000);
    expect(await queue()).toEqual([message_id]);
  });

  it('accepts nothing that was not stored', async () => {
    house.interrupt(accept, () => Promise.reject(Unavailable()));
    await expect(send()).rejects.toMatchObject({ code: 'unavailable' });
    house.interrupt(accept, undefined);
    expect(await waiting()).toEqual([]);
  });

  /** The steps of a life; `nth` chooses among the messages that wait. */
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('send' as const) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant('pending' as const) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('acknowledge' as const), nth: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('deliver events' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('wipe' as const, 'restart' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('fail' as const), commands: fc.integer({ min: 1, max: 6 }) }) },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constant('interrupted pending' as const),
        by: fc.constantFrom('wipe' as const, 'restart' as const),
        isAnnounced: fc.boolean(),
      }),
    },
  );

  it('loses nothing and hands out nothing that was acknowledged, whatever becomes of the index', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 14 }), async (steps) => {
        bob = await home.addUser();
        const queue: string[] = [];
        /** The index was away when something was added: until its event comes, that may be missing, and nothing else. */
        let mayLag = new Set<string>();
        let isFailing = false;
        const sendOne = async () => {
          const { message_id } = await send();
          queue.push(message_id);
          if (isFailing) mayLag.add(message_id);
        };
        const deliver = async () => {
          store.failNext(0);
          isFailing = false;
          await house.deliverEvents();
          mayLag = new Set();
        };
        const check = (found: readonly string[], expected: readonly string[] = queue) =>
          expect(found).toEqual(expected.filter((id) => !mayLag.has(id) || found.includes(id)));
        for (const next of steps) {
          if (next.do === 'send') await sendOne();
          else if (next.do === 'pending') check(await waiting());
          else if (next.do === 'acknowledge' && queue.length > 0) {
            const [id] = queue.splice(next.nth % queue.length, 1);
            expect(await acknowledge(id!)).toBe('deleted');
          } else if (next.do === 'deliver events') await deliver();
          else if (next.do === 'wipe' || next.do === 'restart') store[next.do]();
          else if (next.do === 'fail') {
            store.failNext(next.commands);
            isFailing = true;
          } else if (next.do === 'interrupted pending') {
            const before = [...queue];
            house.interrupt(pendingMessages, async (execute) => {
              const answer = await execute();
              house.interrupt(pendingMessages, undefined);
              await sendOne();
              if (next.isAnnounced) await deliver();
              store[next.by]();
              return answer;
            });
            const found = await waiting();
            house.interrupt(pendingMessages, undefined);
            check(found, before);
          }
        }
        check(await waiting());
        await deliver();
        expect(await waiting()).toEqual(queue);
      }),
      { numRuns: 25 },
    );
  });
});
