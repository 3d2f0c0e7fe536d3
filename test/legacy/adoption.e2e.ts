import { randomUUID } from 'node:crypto';
import { RelayUnion } from '@banyan/migration/adoption/relay-union';
import { openDataSource } from '@banyan/platform/database/data-source';
import { Database } from '@banyan/platform/database/database';
import { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { RouteStore } from '@banyan/platform/host/route.store';
import { AdoptedQueue } from '@banyan/relay/adopted-queue';
import { adopt } from '@banyan/relay/contract';
import type { DataSource } from 'typeorm';
import { LegacyProcess } from '../legacy-app/legacy-process';
import { sendFile } from '../media/senders';
import { TEST_SECRET } from '../support/banyan';
import { banyan as runBanyan } from '../support/cli';
import { startOnLegacy, type ServerOnLegacy } from '../support/legacy-server';
import { envelope, type Person, register, signIn } from '../support/people';
import { until } from '../support/until';

/** New code and legacy side by side on one database; a person signs in at either. */
let banyan: ServerOnLegacy;
let legacy: LegacyProcess;
let host: DataSource;
let store: RouteStore;
let ada: Person;
let adaThere: Person;
let ben: Person;
let benThere: Person;

const initial = { remote: 0, local: 10_000, legacy: 0 };
const all = { remote: 0, local: 0, legacy: 10_000 };
/** Legacy has a share, and hardly anybody is in it. */
const hardly = { remote: 0, local: 9_999, legacy: 1 };

/** Moves relay and waits until the server follows. */
async function route(weights: typeof initial): Promise<void> {
  await store.change({ domain: 'relay', ...weights, initial, by: 'test', why: 'a test' });
  await until(async () => {
    const text = await (await fetch(`${banyan.url}/metrics`)).text();
    return text.includes(`banyan_route_share{domain="relay",home="legacy"} ${weights.legacy / 10_000}`);
  });
}

beforeEach(async () => {
  banyan = await startOnLegacy('text', {
    redis: true,
    twice: true,
    withLegacy: async (database) => {
      legacy = await LegacyProcess.start({ databaseUrl: database.url, secret: TEST_SECRET });
      return { LEGACY_URL: legacy.url, ROUTES: 'auth=local:100% user=local:100% message=local:100%' };
    },
  });
  host = await openDataSource({
    url: banyan.server.environment['HOST_DATABASE_URL']!,
    schema: 'banyan_host',
    role: 'banyan_host',
    poolSize: 2,
    applicationName: 'spec',
  });
  store = new RouteStore(new Database(() => host));
  await route(hardly);
  [adaThere, benThere] = [await register(legacy.url, 'ada'), await register(legacy.url, 'ben')];
  [ada, ben] = [await signIn(banyan.url, adaThere), await signIn(banyan.url, benThere)];
});
afterEach(async () => {
  await host?.destroy();
  await banyan?.close();
  await legacy?.remove();
});

const sendFrom = async (from: Person, to: Person, text: string) =>
  (await from.post('/relay/send', envelope(to, text)).expect(200)).body.message_id as string;
const pendingOf = async (who: Person) => {
  const { body } = await who.get('/relay/pending').expect(200);
  expect(body.count).toBe(body.messages.length);
  return body.messages as { id: string; encrypted_content: string; created_at: string }[];
};
const idsOf = async (who: Person) => (await pendingOf(who)).map(({ id }) => id);
const acknowledge = async (who: Person, message_id: string, key: string = randomUUID()) =>
  (await who.post('/relay/acknowledge', { message_id }).set('Idempotency-Key', key).expect(200)).body.status as string;
const waitingThere = async () => (await adaThere.get('/relay/stats').expect(200)).body.stats.total_messages as number;
const inProcess = () => banyan.server.app.get(AdoptedQueue, { strict: false });

describe('a queue that is partly in the memory of legacy', () => {
  it('is one for a user of new code: in order, with its ids, each once, to the letter', async () => {
    const sent = [await sendFrom(adaThere, ben, 'one'), await sendFrom(ada, ben, 'two'), await sendFrom(adaThere, ben, 'three "Ä🔑"\n')];
    const waiting = await pendingOf(ben);
    expect(waiting.map(({ id }) => id)).toEqual(sent);
    expect(waiting.map(({ encrypted_content }) => encrypted_content)).toEqual(['one', 'two', 'three "Ä🔑"\n']);
    for (const { created_at } of waiting) expect(created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(await idsOf(ada)).toEqual([]);
  });

  it('is acknowledged once, on both sides, by its recipient only; a repeat under the key gets the first answer', async () => {
    const [there, here] = [await sendFrom(adaThere, ben, 'there'), await sendFrom(ada, ben, 'here')];
    expect(await acknowledge(ada, there)).toBe('not_found');
    const key = randomUUID();
    expect(await acknowledge(ben, there.toUpperCase(), key)).toBe('deleted');
    expect(await acknowledge(ben, there.toUpperCase(), key)).toBe('deleted');
    expect(await acknowledge(ben, there)).toBe('not_found');
    expect(await waitingThere()).toBe(0);
    expect(await idsOf(ben)).toEqual([here]);
    expect(await acknowledge(ben, here)).toBe('deleted');
    expect(await idsOf(ben)).toEqual([]);
    const { body: history } = await ben.get(`/messages/conversation/${ada.id}`).expect(200);
    expect(history).toHaveLength(2);
  });

  it('has what legacy has confirmed and not written', async () => {
    await legacy.failMessageWrites(true);
    const lost = await sendFrom(adaThere, ben, 'only in memory');
    expect(await idsOf(ben)).toEqual([lost]);
    expect(await acknowledge(ben, lost)).toBe('deleted');
    expect(await idsOf(ben)).toEqual([]);
  });

  it('answers without legacy’s part while that is away, counts it, and nothing that was acknowledged meanwhile comes back', async () => {
    const [there, here] = [await sendFrom(adaThere, ben, 'there'), await sendFrom(ada, ben, 'here')];
    expect(await idsOf(ben)).toEqual([there, here]);
    // Acknowledged here, while legacy's ear is closed: as if its answer had been lost.
    await banyan.legacy.connect().then((client) =>
      client.query(
        `INSERT INTO banyan_message.deliveries (message_id, sender_id, recipient_id, created_at, expires_at, acknowledged_at, acknowledged_by)
         VALUES ($1, $2, $3, now(), now() + interval '1 day', now(), 'k')`,
        [there, ada.id, ben.id],
      ),
    );
    expect(await idsOf(ben)).toEqual([here]);
    await until(async () => (await waitingThere()) === 0); // told again

    const again = await sendFrom(adaThere, ben, 'again');
    legacy.freeze();
    const before = inProcess().missed;
    expect(await idsOf(ben)).toEqual([here]);
    expect(await acknowledge(ben, here)).toBe('deleted');
    expect(inProcess().missed).toBeGreaterThan(before);
    expect(await acknowledge(ben, again)).toBe('deleted');
    expect(await acknowledge(ben, randomUUID())).toBe('not_found');
    legacy.thaw();
    await until(async () => (await idsOf(ben)).length === 0 && (await waitingThere()) === 0);
    const last = await sendFrom(adaThere, ben, 'last');
    await until(async () => (await idsOf(ben)).includes(last));
    await legacy.kill(); // what was in its memory is gone with it
    expect(await idsOf(ben)).toEqual([]);
  });

  it('loses what was deleted for both', async () => {
    const there = await sendFrom(adaThere, ben, 'a mistake');
    await ada.delete(`/messages/${there}?for=both`).expect(200);
    expect(await idsOf(ben)).toEqual([]);
  });

  it('ends when legacy has no weight and nothing in its memory; legacy is not asked any more, until it has weight again', async () => {
    const there = await sendFrom(adaThere, ben, 'there');
    await route(initial);
    expect(await idsOf(ben)).toEqual([there]); // emptied by its readers
    expect(await acknowledge(ben, there)).toBe('deleted');
    const isOver = async () => {
      await idsOf(ben);
      return (await host.query(`SELECT FROM banyan_host.relay_queues WHERE side = 'legacy'`)).length === 1;
    };
    await until(isOver);
    const unseen = await sendFrom(adaThere, ben, 'past the host'); // nobody does: it shows that legacy is not asked
    expect(await idsOf(ben)).toEqual([]);
    await route(hardly);
    expect(await idsOf(ben)).toEqual([unseen]);
  });
});

describe('a queue that is partly ours, for a user whom legacy serves', () => {
  it('is merged into legacy’s answers and acknowledged on both sides, also when relay has been taken back', async () => {
    const union = new RelayUnion(banyan.server.app.get(Dispatcher, { strict: false }));
    const [there, here] = [await sendFrom(adaThere, ben, 'there'), await sendFrom(ada, ben, 'here')];
    const look = async () => {
      const merged = await union.pending(ben.id, (await benThere.get('/relay/pending').expect(200)).body);
      return (merged as { messages: { id: string }[] }).messages.map(({ id }) => id);
    };
    const take = async (message_id: string) => {
      const { body } = await benThere.post('/relay/acknowledge', { message_id }).expect(200);
      return ((await union.acknowledge(ben.id, message_id, randomUUID(), body)) as { status: string }).status;
    };
    expect(await look()).toEqual([there, here]);
    expect(await take(there)).toBe('deleted');
    await route(all); // taken back
    expect(await look()).toEqual([here]);
    expect(await take(here)).toBe('deleted');
    expect(await take(here)).toBe('not_found');
    expect(await look()).toEqual([]);
  });
});

describe('a message that a host brings to legacy', () => {
  /** By whatever legacy serves of relay. */
  const sendBy = async (from: Person, draft: object) =>
    (await from.post('/relay/send', { ...envelope(ben, 'x'), ...draft }).expect(200)).body as { message_id: string; expires_at: string };

  it('survives the death of legacy, whoever serves its recipient then, with what its row does not have', async () => {
    await route(all);
    const { body: film } = await sendFile(banyan.url, ada, 1_000);
    const refs = [film];
    const { message_id } = await sendBy(ada, { ttl_days: 3, signatures: [{ s: 1 }], media_refs: refs, has_media: true });
    await legacy.kill();
    await legacy.startAgain();
    expect(await waitingThere()).toBe(0);
    for (const weights of [all, initial]) {
      await route(weights);
      expect(await pendingOf(ben)).toMatchObject([{ id: message_id, signatures: [{ s: 1 }], media_refs: refs, encrypted_content: 'x' }]);
    }
    await route(all);
    expect(await acknowledge(ben, message_id)).toBe('deleted');
    expect(await idsOf(ben)).toEqual([]);
    expect(await acknowledge(ben, message_id)).toBe('not_found');
  });

  it('is told apart from what only legacy’s memory has', async () => {
    const report = async () => JSON.parse((await runBanyan(banyan.server.environment, 'legacy', 'queue', '--json')).out) as object;
    await route(all);
    expect(await report()).toEqual({ kept: 0, only_here: 0, unqueued: { count: 0, newest: null, examples: [] } });
    const { message_id } = await sendBy(ada, {});
    const past = await sendFrom(adaThere, ben, 'past the host');
    expect(await report()).toMatchObject({ kept: 1, only_here: 0 });
    await legacy.kill();
    expect(await report()).toMatchObject({ kept: 1, only_here: null, unqueued: { count: 1, examples: [past] } });
    const status = await runBanyan(banyan.server.environment, 'status');
    expect(status.out).toContain("In the monolith's memory and in ours: 1.\nIn the monolith's memory only: at most 1, which are lost");
    const { out } = await runBanyan(banyan.server.environment, 'legacy', 'queue');
    expect(out).toContain('Kept here as well: 1.');
    expect(out).toContain(`The newest: ${past}`);
    await legacy.startAgain();
    expect(await report()).toMatchObject({ kept: 1, only_here: 1 });
    expect(await idsOf(ben)).toEqual([message_id]);
    const { body: history } = await ben.get(`/messages/conversation/${ada.id}`).expect(200);
    expect(history).toHaveLength(2);
  });

  it('is gone from both queues once it is acknowledged at either', async () => {
    for (const taking of [all, initial]) {
      await route(all);
      const { message_id } = await sendBy(ada, {});
      await route(taking);
      expect(await acknowledge(ada, message_id)).toBe(taking === all ? 'deleted' : 'not_found'); // legacy lets anybody
      expect(await idsOf(ben)).toEqual([message_id]);
      expect(await acknowledge(ben, message_id)).toBe('deleted');
      expect(await waitingThere()).toBe(0);
      for (const weights of [all, initial]) {
        await route(weights);
        expect(await idsOf(ben)).toEqual([]);
      }
    }
  });

  it('does not wait any more if it was acknowledged before its sender had heard of it', async () => {
    await route(all);
    const early = await sendFrom(adaThere, ben, 'early'); // legacy has pushed it, and its answer is not there yet
    expect(await acknowledge(ben, early)).toBe('deleted');
    const call = { actor: { kind: 'system', name: 'test' }, key: randomUUID() } as const;
    const answer = await banyan.server.app
      .get(Dispatcher, { strict: false })
      .callFromEdge(adopt, { message_id: early, expires_at: null }, call);
    expect(answer).toEqual({ stored: true });
    for (const weights of [all, initial]) {
      await route(weights);
      expect(await idsOf(ben)).toEqual([]);
    }
  });
});
