import { variants } from '@banyan/migration/prepare/kinds';
import request from 'supertest';
import { startTestServer } from '../support/banyan';
import { startOnLegacy } from '../support/legacy-server';
import { type Person, register } from '../support/people';
import { placements, startPlaced } from '../support/placements';

interface Started {
  readonly url: string;
  stop(): Promise<void>;
}

const homes: readonly [string, () => Promise<Started>][] = [
  ['one process', () => startTestServer().then(({ url, close }) => ({ url, stop: close }))],
  ...variants.map((variant): [string, () => Promise<Started>] => [
    `the legacy database (${variant})`,
    () => startOnLegacy(variant, {}).then(({ url, close }) => ({ url, stop: close })),
  ]),
  ...placements.map((placement): [string, () => Promise<Started>] => [
    placement.name,
    () => startPlaced(placement).then((deployment) => ({ url: deployment.url, stop: () => deployment.remove() })),
  ]),
];

/** What the web client does with groups over HTTP, by the sections of the page that describes it. */
describe.each(homes)('the web client and groups, on %s', (_name, start) => {
  let server: Started | undefined;
  let [ada, ben, cyd]: Person[] = [];
  beforeAll(async () => {
    server = await start();
    [ada, ben, cyd] = [await register(server.url, 'ada'), await register(server.url, 'ben'), await register(server.url, 'cyd')];
  });
  afterAll(() => server?.stop());

  /** As the page does it: no body, though its type is said to be JSON. */
  const bare = (who: Person, method: 'get' | 'post' | 'delete', path: string) =>
    request(`${server!.url}/api/v1`)[method](path).set('Authorization', `Bearer ${who.token}`).set('Content-Type', 'application/json');

  async function createWithMembers(name: string, ...members: Person[]): Promise<string> {
    const { body } = await bare(ada!, 'post', `/groups/create?name=${encodeURIComponent(name)}&description=about%20us`).expect(200);
    const added = await Promise.all(members.map(({ id }) => bare(ada!, 'post', `/groups/add-member/${body.group_id}?user_id=${id}`)));
    expect(added.map(({ status }) => status)).toEqual(members.map(() => 200));
    return body.group_id as string;
  }

  describe('3.4 Groups', () => {
    it('creates a group and adds its members in parallel, with empty bodies, and lists it', async () => {
      const id = await createWithMembers('Käse & Brot', ben!, cyd!);
      const { body } = await bare(ben!, 'get', '/groups/').expect(200);
      expect(body).toContainEqual({
        id,
        name: 'Käse & Brot',
        description: 'about us',
        memberCount: 3,
        is_admin: false,
        admin_id: ada!.id,
        created_at: expect.stringMatching(/Z$/),
      });
    });

    it('opens one: details, members with the admin among them, messages', async () => {
      const id = await createWithMembers('Team', ben!);
      const [details, members, messages] = await Promise.all(
        ['', '/members', '/messages'].map((part) => bare(ben!, 'get', `/groups/${id}${part}`).expect(200)),
      );
      expect(details!.body).toMatchObject({ name: 'Team', description: 'about us', admin_id: ada!.id });
      expect((members!.body as { user_id: string; role: string }[]).map(({ user_id, role }) => [user_id, role]).sort()).toEqual(
        [
          [ada!.id, 'admin'],
          [ben!.id, 'member'],
        ].sort(),
      );
      for (const member of members!.body) expect(member).toMatchObject({ username: expect.any(String), email: expect.stringMatching('@') });
      expect(messages!.body).toEqual({ group_id: id, total: 0, messages: [] });
    });

    it('deletes an own one, and reads JSON from the answer', async () => {
      const id = await createWithMembers('Short', ben!);
      await bare(ben!, 'delete', `/groups/${id}`).expect(403);
      expect((await bare(ada!, 'delete', `/groups/${id}`).expect(200)).body).toEqual({ message: 'Group deleted successfully' });
      expect((await bare(ben!, 'get', '/groups/')).body.map((group: { id: string }) => group.id)).not.toContain(id);
    });

    it('shows a text for everything that is refused, ids that are none included', async () => {
      for (const path of ['/groups/1', '/groups/1/members', '/groups/msg-1-x/messages', '/groups/undefined']) {
        expect((await bare(ada!, 'get', path).expect(422)).body.detail).toEqual(expect.any(String));
      }
      expect((await bare(ada!, 'post', '/groups/create').expect(422)).body.detail).toEqual(expect.any(String));
      expect((await bare(ada!, 'post', `/groups/create?name=${'x'.repeat(256)}`).expect(422)).body.detail).toEqual(expect.any(String));
      await request(`${server!.url}/api/v1`).get('/groups/').set('Authorization', 'Bearer null').expect(401);
    });
  });

  describe('7. Group messages', () => {
    it('gives the very text back as content, newest first', async () => {
      const id = await createWithMembers('Talk', ben!);
      for (const text of ['first', 'zwölf Boxkämpfer 🥊']) {
        const draft = { encrypted_content: text, encrypted_session_keys: { [ben!.id]: 'placeholder' } };
        await ada!.post(`/groups/${id}/messages`, draft).expect(200);
      }
      const { body } = await bare(ben!, 'get', `/groups/${id}/messages`).expect(200);
      expect(body).toMatchObject({
        total: 2,
        messages: [
          { content: 'zwölf Boxkämpfer 🥊', sender_id: ada!.id, created_at: expect.stringMatching(/Z$/) },
          { content: 'first', sender_id: ada!.id },
        ],
      });
    });
  });

  it('lose who removes his account, with his groups', async () => {
    const dan = await register(server!.url, 'dan');
    const { body } = await bare(dan, 'post', '/groups/create?name=Dans').expect(200);
    await bare(dan, 'post', `/groups/add-member/${body.group_id}?user_id=${ada!.id}`).expect(200);
    const theirs = await createWithMembers('Ours', dan);
    await dan.post(`/groups/${theirs}/messages`, { encrypted_content: 'mine' }).expect(200);
    await dan.delete('/auth/me').send({ password: dan.password }).expect(200);
    await bare(ada!, 'get', `/groups/${body.group_id}`).expect(404);
    expect((await bare(ada!, 'get', `/groups/${theirs}/messages`).expect(200)).body.messages).toEqual([]);
    expect((await bare(ada!, 'get', `/groups/${theirs}/members`).expect(200)).body).toHaveLength(1);
  });
});
