import { randomUUID } from 'node:crypto';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { messageContract } from './contract';

describe.each(dataHomes)('messages, through their contract, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let [alice, bob, eve]: string[] = [];
  const messages = (caller: string) => house.as(caller, messageContract);
  beforeAll(async () => {
    home = await open('user', 'message');
    house = await startHouse({ domains: ['user', 'message'], home });
  });
  beforeEach(async () => {
    [alice, bob, eve] = await Promise.all([home.addUser(), home.addUser(), home.addUser()]);
    await home.admin('DELETE FROM banyan_message.outbox');
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  const draftOf = (more: object = {}) => ({
    sender_id: alice!,
    recipient_id: bob!,
    encrypted_content: 'content',
    encrypted_session_key: 'key',
    ...more,
  });
  const send = (more?: object, key?: string) => messages(alice!).send(draftOf(more), { key });
  const conversation = (of: string, input: object = {}) =>
    messages(of).conversation({ other_user_id: of === alice ? bob! : alice!, ...input });
  const events = async () =>
    (await home.admin<{ name: string }>('SELECT name FROM banyan_message.outbox ORDER BY position')).map(({ name }) => name);

  it('are seen by both, and by nobody else', async () => {
    const sent = await send({ signatures: [{ z: 1, a: 2 }], crypto_version: 'v2' });
    expect(sent).toEqual({
      ...draftOf(),
      id: expect.any(String),
      sender_encrypted_content: null,
      crypto_version: 'v2',
      encryption_algorithm: 'ECDH-AES256-GCM',
      kdf_algorithm: 'HKDF-SHA256',
      signatures: [{ z: 1, a: 2 }],
      is_read: false,
      created_at: expect.any(String),
      has_media: false,
      media_attachments: [],
    });
    expect(await conversation(alice!)).toEqual([sent]);
    expect(await conversation(bob!)).toEqual([sent]);
    expect(await messages(eve!).conversation({ other_user_id: alice! })).toEqual([]);
    expect(await messages(alice!).conversation({ other_user_id: randomUUID() })).toEqual([]);
    expect(await events()).toEqual(['message.sent']);
  });

  it('are one for each key, however often and from however many places at once it is sent', async () => {
    const other = await startHouse({ domains: ['user', 'message'], home });
    const sent = await Promise.all(
      Array.from({ length: 20 }, (_, n) => (n % 2 ? house : other).as(alice!, messageContract).send(draftOf(), { key: 'one' })),
    );
    await other.close();
    expect(new Set(sent.map((message) => JSON.stringify(message))).size).toBe(1);
    expect(await conversation(bob!)).toEqual([sent[0]]);
    expect(await events()).toEqual(['message.sent']);
    await expect(send({ encrypted_content: 'other' }, 'one')).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    await expect(messages(bob!).send({ ...draftOf(), sender_id: bob!, recipient_id: alice! }, { key: 'one' })).resolves.toMatchObject({
      sender_id: bob,
    });
  });

  it('are sent in nobody else’s name, and to nobody who is not there', async () => {
    await expect(messages(eve!).send(draftOf())).rejects.toMatchObject({ code: 'message.not_the_sender', status: 403 });
    await expect(send({ recipient_id: randomUUID() })).rejects.toMatchObject({ code: 'message.recipient_not_found', status: 404 });
    expect(await events()).toEqual([]);
  });

  it('come in pages to who asks for pages, and only after a message of his', async () => {
    const sent = [];
    for (let n = 0; n < 7; n++) sent.push(await send({ encrypted_content: `${n}` }));
    expect(await conversation(bob!, { limit: 3 })).toEqual(sent.slice(4));
    expect(await conversation(bob!, { limit: 3, before: sent[4]!.id })).toEqual(sent.slice(1, 4));
    expect(await conversation(bob!, { before: sent[1]!.id })).toEqual(sent.slice(0, 1));
    await expect(messages(eve!).conversation({ other_user_id: bob!, before: sent[1]!.id })).rejects.toMatchObject({
      code: 'message.not_found',
    });
  });

  it('are marked as read by their recipient, once', async () => {
    const { id } = await send();
    await messages(bob!).markRead({ message_id: id });
    expect(await messages(bob!).markRead({ message_id: id })).toEqual({ status: 'Message marked as read' });
    expect(await events()).toEqual(['message.sent', 'message.read']);
    expect(await conversation(alice!)).toMatchObject([{ id, is_read: true }]);
    await expect(messages(alice!).markRead({ message_id: id })).rejects.toMatchObject({ code: 'message.not_the_recipient' });
    await expect(messages(eve!).markRead({ message_id: id })).rejects.toMatchObject({ code: 'message.not_found' });
    await expect(messages(bob!).markRead({ message_id: randomUUID() })).rejects.toMatchObject({ code: 'message.not_found' });
  });

  it('are deleted for oneself by either side', async () => {
    const sent = await send();
    await messages(bob!).remove({ message_id: sent.id });
    expect(await conversation(bob!)).toEqual([]);
    expect(await conversation(alice!)).toEqual([sent]);
    expect(await events()).toEqual(['message.sent', 'message.deleted']);
    await expect(messages(eve!).remove({ message_id: sent.id })).rejects.toMatchObject({ code: 'message.not_found' });
  });

  it('are deleted for both by their sender, and are waited for no more', async () => {
    const { message_id } = await messages(alice!).accept(draftOf());
    await expect(messages(bob!).remove({ message_id, for: 'both' })).rejects.toMatchObject({
      code: 'message.only_sender_deletes_for_both',
    });
    expect(await messages(alice!).remove({ message_id, for: 'both' })).toEqual({ status: 'Message deleted' });
    expect(await conversation(bob!)).toEqual([]);
    expect((await messages(bob!).pending({})).messages).toEqual([]);
    expect(await messages(bob!).acknowledge({ message_id })).toEqual({ found: false });
    expect(await events()).toEqual(['message.sent', 'message.deleted']);
  });

  it('are accepted in crowds, each once under its key, and wait in one order', async () => {
    const keys = Array.from({ length: 60 }, (_, n) => `k${n % 30}`);
    const accepted = await Promise.all(keys.map((key) => messages(alice!).accept(draftOf({ encrypted_content: key }), { key })));
    expect(new Set(accepted.map(({ message_id }) => message_id)).size).toBe(30);
    const { messages: waiting, complete } = await messages(bob!).pending({});
    expect(complete).toBe(true);
    expect(waiting).toHaveLength(30);
    expect(waiting.map(({ position }) => position)).toEqual(waiting.map(({ position }) => position).sort((a, b) => a - b));
    expect(await house.as('system', messageContract).queueStats({})).toMatchObject({ deliverable: expect.any(Number) });
  });
});
