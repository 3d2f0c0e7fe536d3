import { variants } from '@banyan/migration/prepare/kinds';
import { startTestServer } from '../support/banyan';
import { startOnLegacy } from '../support/legacy-server';
import { envelope, type Person, register, signIn } from '../support/people';
import { placements, startPlaced, startPlacedOnLegacy, strayed } from '../support/placements';

interface Started {
  readonly url: string;
  /** Calls that were made elsewhere than the test's name says. */
  strayed?(): Promise<string[]>;
  close(): Promise<void>;
}

/** As the web client uses it, on both key-value stores, where whatever may be repeated is executed twice; and in every placement. */
describe.each<[string, () => Promise<Started>]>([
  ['with presence and queues in the process', () => startTestServer({ twice: true })],
  ['with presence and queues in Redis', () => startTestServer({ redis: true, twice: true })],
  ...variants.map((variant): [string, () => Promise<Started>] => [
    `on the legacy database (${variant})`,
    () => startOnLegacy(variant, { redis: true, twice: true }),
  ]),
  [
    'on the legacy database, with all domains remote',
    async () => {
      const { deployment, ...started } = await startPlacedOnLegacy('text');
      return {
        ...started,
        strayed: () =>
          strayed(
            deployment,
            placements.find(({ name }) => name === 'all domains remote')!,
          ),
      };
    },
  ],
  ...placements.map((placement): [string, () => Promise<Started>] => [
    `with ${placement.name}`,
    async () => {
      const deployment = await startPlaced(placement);
      return { url: deployment.url, strayed: () => strayed(deployment, placement), close: () => deployment.remove() };
    },
  ]),
])('two people, %s', (_where, start) => {
  let server: Started | undefined;
  let ada: Person;
  let ben: Person;

  beforeAll(async () => {
    server = await start();
    [ada, ben] = await Promise.all([register(server.url, 'ada'), register(server.url, 'ben')]);
  });

  afterAll(() => server?.close());

  const send = async (from: Person, to: Person, text: string, more: object = {}) => {
    const { body } = await from.post('/relay/send', { ...envelope(to, text), ...more }).expect(200);
    return body.message_id as string;
  };
  const pendingOf = async (who: Person) => {
    const { body } = await who.get('/relay/pending').expect(200);
    expect(body.count).toBe(body.messages.length);
    return body.messages as { id: string; sender_id: string; encrypted_content: string; delivery_attempts: number }[];
  };
  const history = async (who: Person, other: Person, query = '') => {
    const { body } = await who.get(`/messages/conversation/${other.id}${query}`).expect(200);
    return body as { id: string; encrypted_content: string; is_read: boolean; created_at: string }[];
  };
  const texts = (messages: readonly { encrypted_content: string }[]) => messages.map(({ encrypted_content }) => encrypted_content);

  it('write to each other: queued in order, fetched, acknowledged once, kept in the history of both', async () => {
    const sent = [await send(ada, ben, 'one'), await send(ada, ben, 'two')];
    const reply = await send(ben, ada, 'three');

    const waiting = await pendingOf(ben);
    expect(waiting.map(({ id }) => id)).toEqual(sent);
    expect(waiting.every(({ sender_id, delivery_attempts }) => sender_id === ada.id && delivery_attempts > 0)).toBe(true);

    const acknowledge = async (who: Person, message_id: string) =>
      (await who.post('/relay/acknowledge', { message_id }).expect(200)).body.status as string;
    expect(await acknowledge(ada, sent[0]!)).toBe('not_found'); // only its recipient can
    expect(await acknowledge(ben, sent[0]!)).toBe('deleted');
    expect(await acknowledge(ben, sent[0]!)).toBe('not_found');
    expect((await pendingOf(ben)).map(({ id }) => id)).toEqual([sent[1]]);
    expect((await pendingOf(ada)).map(({ id }) => id)).toEqual([reply]);

    const onSecondDevice = await signIn(server!.url, ada);
    expect(texts(await history(onSecondDevice, ben))).toEqual(['one', 'two', 'three']);
    expect(await history(ben, ada)).toEqual(await history(ada, ben));
  });

  it('keep what they sent to the letter', async () => {
    const message = {
      sender_encrypted_content: 'for my own devices',
      crypto_version: 'v9',
      encryption_algorithm: 'X25519',
      kdf_algorithm: 'HKDF-SHA512',
      signatures: [{ algorithm: 'RSA-PSS', value: 'Ä🔑', nested: { list: [1, 1.5, null, true] } }],
    };
    const id = await send(ada, ben, '{"iv":"…"}  \n', message);
    const kept = (await history(ben, ada)).find((one) => one.id === id);
    expect(kept).toMatchObject({ ...message, encrypted_content: '{"iv":"…"}  \n', sender_id: ada.id, recipient_id: ben.id });
    expect(kept!.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect((await pendingOf(ben)).find((one) => one.id === id)).toMatchObject({ signatures: message.signatures, media_refs: null });
  });

  it('read: the sender sees it, and only the recipient can say so', async () => {
    const id = await send(ada, ben, 'to be read');
    await ada.put(`/messages/${id}/read`).expect(403);
    await ben.put(`/messages/${id}/read`).expect(200, { status: 'Message marked as read' });
    await ben.put(`/messages/${id}/read`).expect(200);
    expect((await history(ada, ben)).find((one) => one.id === id)!.is_read).toBe(true);
  });

  it('delete for themselves, or for both', async () => {
    const mine = await send(ada, ben, 'hidden from me');
    await ada.delete(`/messages/${mine}`).expect(200);
    expect((await history(ada, ben)).map(({ id }) => id)).not.toContain(mine);
    expect((await history(ben, ada)).map(({ id }) => id)).toContain(mine);

    const both = await send(ada, ben, 'a mistake');
    await ben.delete(`/messages/${both}?for=both`).expect(403);
    await ada.delete(`/messages/${both}?for=both`).expect(200);
    for (const [who, other] of [
      [ada, ben],
      [ben, ada],
    ] as const)
      expect(texts(await history(who, other))).not.toContain('a mistake');
    expect((await pendingOf(ben)).map(({ id }) => id)).not.toContain(both); // erased before it was fetched
  });

  it('are alone: a third person sees and touches nothing of it', async () => {
    const id = await send(ada, ben, 'between us');
    const eve = await register(server!.url, 'eve');
    expect(await history(eve, ada)).toEqual([]);
    expect(await pendingOf(eve)).toEqual([]);
    await eve.put(`/messages/${id}/read`).expect(404); // not even that it exists
    await eve.delete(`/messages/${id}`).expect(404);
    await eve.post('/relay/acknowledge', { message_id: id }).expect(200, { success: true, message_id: id, status: 'not_found' });
    await eve.post('/messages/send', { ...envelope(ben), sender_id: ada.id }).expect(403);
  });

  it('page backwards through a long conversation, each message once', async () => {
    const [cleo, dora] = await Promise.all([register(server!.url, 'cleo'), register(server!.url, 'dora')]);
    for (let i = 0; i < 23; i++) await send(i % 2 ? cleo : dora, i % 2 ? dora : cleo, `${i}`);
    const all = texts(await history(cleo, dora));
    expect(all).toEqual(Array.from({ length: 23 }, (_, i) => `${i}`));

    const pages: string[][] = [];
    for (let before = ''; ;) {
      const page = await history(cleo, dora, `?limit=10${before}`);
      if (page.length === 0) break;
      pages.unshift(texts(page));
      before = `&before=${page[0]!.id}`;
    }
    expect(pages.map(({ length }) => length)).toEqual([3, 10, 10]);
    expect(pages.flat()).toEqual(all);
  });

  it('exchange keys: the newest is what the other one sees, the backup is byte for byte', async () => {
    await ada.put('/auth/public-key', { public_key: 'first' }).expect(200);
    await ada.put('/auth/public-key', { public_key: 'second' }).expect(200, { success: true, public_key: 'second' });
    expect((await ben.get(`/users/${ada.id}`).expect(200)).body).toMatchObject({ id: ada.id, public_key: 'second' });
    await ada.get('/users/me/key-backup').expect(200, { has_backup: false, encrypted_private_key: null });
    const backup = ' {"alg":"PBKDF2-AES-256-GCM","ct":"Zm9v"}\n';
    await ada.post('/users/me/key-backup', { encrypted_private_key: backup }).expect(200);
    await ada.get('/users/me/key-backup').expect(200, { has_backup: true, encrypted_private_key: backup });
    await ben.get('/users/me/key-backup').expect(200, { has_backup: false, encrypted_private_key: null });
  });

  it('were served where they should be', async () => {
    expect(await server!.strayed?.()).toEqual(server!.strayed && []);
  });
});

it('a conversation outlives its server', async () => {
  const first = await startTestServer();
  const [ada, ben] = await Promise.all([register(first.url, 'ada'), register(first.url, 'ben')]);
  const { body: sent } = await ada.post('/relay/send', envelope(ben, 'still here')).expect(200);
  await first.stop();

  const second = await startTestServer({ environment: { ...first.environment } });
  try {
    const again = await signIn(second.url, ben);
    const { body } = await again.get('/relay/pending').expect(200);
    expect(body.messages).toMatchObject([{ id: sent.message_id, encrypted_content: 'still here' }]);
  } finally {
    await second.close();
  }
});
