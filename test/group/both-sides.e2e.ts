import { variants } from '@banyan/migration/prepare/kinds';
import type { Client } from 'pg';
import { LegacyProcess } from '../legacy-app/legacy-process';
import { TEST_SECRET } from '../support/banyan';
import { startOnLegacy, type ServerOnLegacy } from '../support/legacy-server';
import { type Person, register, signIn } from '../support/people';
import { SocketClient } from '../support/socket-client';
import { until } from '../support/until';

type Entry = Record<string, unknown>;

/** New code and legacy at once on one legacy database. */
describe.each(variants)('groups in one database of the %s variant, written by both', (variant) => {
  let banyan: ServerOnLegacy;
  let legacy: LegacyProcess;
  let sql: Client;
  /** Registered by new code, and by legacy; `there` and `here` are their devices at the other one. */
  let ours: Person;
  let oursThere: Person;
  let theirs: Person;
  let theirsHere: Person;

  beforeAll(async () => {
    banyan = await startOnLegacy(variant, { redis: true });
    legacy = await LegacyProcess.start({ databaseUrl: banyan.legacy.url, secret: TEST_SECRET });
    sql = await banyan.legacy.connect();
    [ours, theirs] = [await register(banyan.url, 'ours'), await register(legacy.url, 'theirs')];
    [oursThere, theirsHere] = [await signIn(legacy.url, ours), await signIn(banyan.url, theirs)];
  });
  afterAll(async () => {
    await legacy?.remove();
    await banyan?.close();
  });

  /** Legacy's instants have no zone, and no fraction if that is 0. */
  const instant = (naive: unknown) => `${String(naive).includes('.') ? String(naive) : `${String(naive)}.000000`}Z`;
  const here = (path: string, who: Person) => who.get(path).expect(200);
  const created = async (who: Person, name: string) =>
    (await who.post(`/groups/create?name=${name}&description=About`).expect(200)).body.group_id as string;
  const add = (who: Person, group: string, { id }: Person) => who.post(`/groups/add-member/${group}?user_id=${id}`);
  const byUser = (a: Entry, b: Entry) => (String(a['user_id']) < String(b['user_id']) ? -1 : 1);
  const history = async (who: Person, group: string) => (await here(`/groups/${group}/messages`, who)).body.messages as Entry[];
  const inNewWords = (entry: Entry): Entry => ({ ...entry, created_at: instant(entry['created_at']) });

  it('made on either side are the same on both, with everybody in them', async () => {
    const made = [await created(ours, 'New'), await created(theirs, 'Old')] as const;
    await add(ours, made[0], theirs).expect(200);
    await add(theirs, made[1], ours).expect(200);
    for (const [mine, there, isOwner] of [
      [ours, oursThere, made[0]],
      [theirsHere, theirs, made[1]],
    ] as const) {
      const inNew = (await here('/groups/', mine)).body as Entry[];
      const inLegacy = (await here('/groups/', there)).body as Entry[];
      // Legacy counts the owner twice.
      expect(inNew.sort(byId)).toEqual(inLegacy.map((entry) => ({ ...inNewWords(entry), memberCount: 2 })).sort(byId));
      expect(inNew.find(({ id }) => id === isOwner)).toMatchObject({ is_admin: true });
      for (const id of made) {
        expect((await here(`/groups/${id}`, mine)).body).toEqual(inNewWords((await here(`/groups/${id}`, there)).body as Entry));
        const members = (await here(`/groups/${id}/members`, there)).body as Entry[];
        const shown = members.map((member) => ({ ...member, joined_at: instant(member['joined_at']) }));
        expect(((await here(`/groups/${id}/members`, mine)).body as Entry[]).sort(byUser)).toEqual(shown.sort(byUser));
      }
    }
  });

  it('have one history, whatever was written in it on either side', async () => {
    const group = await created(ours, 'Talk');
    await add(ours, group, theirs).expect(200);
    const socket = await SocketClient.open(legacy.url, theirs);
    const texts = ['', 'None', 'Ä\u{1f600}\u2028', '\\x00', "'; DROP TABLE users; --"];
    for (const text of texts) {
      const draft = { encrypted_content: text, encrypted_session_keys: { [theirs.id]: 'k"Ä' } };
      await ours.post(`/groups/${group}/messages`, draft).expect(200);
      const before = socket.of('group_message_sent').length;
      socket.say('group_message', { group_id: group, ...draft });
      await until(async () => socket.of('group_message_sent').length > before);
    }
    await socket.close();
    const inLegacy = await history(theirs, group);
    expect(inLegacy).toHaveLength(2 * texts.length);
    expect(await history(theirsHere, group)).toEqual(
      inLegacy.map((message) => ({ ...inNewWords(message), timestamp: instant(message['timestamp']) })),
    );
    expect(await history(ours, group)).toEqual(await history(theirsHere, group));
  });

  it('are left on both sides by whoever is removed on one, also where legacy has him twice', async () => {
    const group = await created(ours, 'Twice');
    await add(ours, group, theirs).expect(200);
    const again = () =>
      sql.query(
        `INSERT INTO group_members (id, group_id, user_id, role, joined_at, is_muted) VALUES (gen_random_uuid(), $1, $2, 'member', now(), false)`,
        [group, theirs.id],
      );
    await again();
    expect((await here(`/groups/${group}/members`, ours)).body).toHaveLength(2);
    expect(((await here('/groups/', ours)).body as Entry[]).find(({ id }) => id === group)).toMatchObject({ memberCount: 2 });
    await add(ours, group, theirs).expect(400);
    await ours.delete(`/groups/remove-member/${group}/${theirs.id}`).expect(200);
    await theirs.get(`/groups/${group}`).expect(403);

    await add(oursThere, group, theirs).expect(200);
    await here(`/groups/${group}`, theirsHere);
    await oursThere.delete(`/groups/remove-member/${group}/${theirs.id}`).expect(200);
    await theirsHere.get(`/groups/${group}`).expect(403);
    await theirsHere.post(`/groups/${group}/messages`, { encrypted_content: 'still here' }).expect(403);
  });

  it('are gone on both sides', async () => {
    const [mine, his] = [await created(ours, 'Mine'), await created(theirs, 'His')];
    await ours.post(`/groups/${mine}/messages`, { encrypted_content: 'words' }).expect(200);
    await oursThere.delete(`/groups/${mine}`).expect(200);
    await theirsHere.delete(`/groups/${his}`).expect(200);
    for (const who of [ours, oursThere]) await who.get(`/groups/${mine}`).expect(404);
    for (const who of [theirs, theirsHere]) await who.get(`/groups/${his}`).expect(404);
  });
  const byId = (a: Entry, b: Entry) => (String(a['id']) < String(b['id']) ? -1 : 1);
});
