import { randomUUID } from 'node:crypto';
import { createLogger } from '@banyan/platform/telemetry/log';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { AttachmentService } from './attachment.service';
import { DeliveryService } from './delivery.service';
import { DeliveryStore } from './delivery.store';

/** Through the contract, `relay` and `message` are tested elsewhere; here it is what happens to those that are accepted together. */
describe.each(dataHomes)('messages accepted at one moment in $name', ({ open }) => {
  let home: DataHome;
  let service: DeliveryService;
  let [alice, bob]: string[] = [];
  beforeAll(async () => {
    home = await open('message');
    const { database, outbox } = home.databases.of('message');
    const store = new DeliveryStore(database);
    const attachments = new AttachmentService(store, {} as never, createLogger({ level: 'silent' })); // no message here has files
    service = new DeliveryService(store, outbox, attachments);
  });
  beforeEach(async () => {
    [alice, bob] = await Promise.all([home.addUser(), home.addUser()]);
  });
  afterAll(() => home?.close());

  const send = ({
    key = randomUUID(),
    ...more
  }: { key?: string; recipient_id?: string; encrypted_content?: string; ttl_days?: number | null } = {}) =>
    service.accept(alice!, key, {
      recipient_id: bob!,
      encrypted_content: 'content',
      encrypted_session_key: 'key',
      crypto_version: 'v1',
      encryption_algorithm: 'ECDH-AES256-GCM',
      kdf_algorithm: 'HKDF-SHA256',
      has_media: false,
      ...more,
    });
  const waiting = async () => (await service.listPending(bob!)).messages;

  it('are all accepted but for one whose key stood for something else', async () => {
    await send({ key: 'taken', encrypted_content: 'before' });
    const sent = await Promise.allSettled([send(), send(), send({ key: 'taken' }), send(), send()]);
    expect(sent.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(sent[2]).toMatchObject({ reason: { code: 'idempotency_key_reused' } });
    expect(await waiting()).toHaveLength(5);
  });

  it('are accepted one by one where the database knows that one recipient is not there', async () => {
    const sent = await Promise.allSettled([send(), send(), send({ recipient_id: randomUUID() }), send()]);
    const bad = home.isLegacy ? 'rejected' : 'fulfilled'; // own tables have no foreign keys: who there is, `user` knows
    expect(sent.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', bad, 'fulfilled']);
    if (home.isLegacy) expect(sent[2]).toMatchObject({ reason: { code: 'message.recipient_not_found' } });
    expect(await waiting()).toHaveLength(3);
  });

  it('wait in the order in which they came, with one answer for each key', async () => {
    const keys = Array.from({ length: 200 }, (_, n) => `key ${n % 100}`);
    const answers = await Promise.all(keys.map((key) => send({ key, encrypted_content: key })));
    expect(answers.slice(100)).toEqual(answers.slice(0, 100));
    expect((await waiting()).map(({ encrypted_content }) => encrypted_content)).toEqual(keys.slice(0, 100));
  });

  it.each([null, 0, undefined])('wait for a week if their life is %s', async (ttl_days) => {
    const { created_at, expires_at } = await send({ ttl_days });
    const [life] = await home.admin('SELECT extract(day FROM $2::timestamptz - $1::timestamptz)::int AS days', [created_at, expires_at]);
    expect(life).toEqual({ days: 7 });
  });
});
