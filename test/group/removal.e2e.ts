import { variants } from '@banyan/migration/prepare/kinds';
import { startTestServer } from '../support/banyan';
import { startOnLegacy } from '../support/legacy-server';
import { type Person, register } from '../support/people';
import { placements, startPlaced, startPlacedOnLegacy } from '../support/placements';

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
  ['services on the legacy database', () => startPlacedOnLegacy('text').then(({ url, close }) => ({ url, stop: close }))],
  ...placements.map((placement): [string, () => Promise<Started>] => [
    placement.name,
    () => startPlaced(placement).then((deployment) => ({ url: deployment.url, stop: () => deployment.remove() })),
  ]),
];

/** Of a member who writes as fast as he can. `began` before an end of something, whatever any clock says. */
interface Attempt {
  readonly content: string;
  readonly began: number;
  readonly status: number;
}

describe.each(homes)('who is taken out of a group while he writes, on %s', (_name, start) => {
  let server: Started | undefined;
  let [owner, other]: Person[] = [];
  beforeAll(async () => {
    server = await start();
    [owner, other] = [await register(server.url, 'owner'), await register(server.url, 'other')];
  });
  afterAll(() => server?.stop());

  const ways: readonly [string, (groupId: string, member: Person) => Promise<{ status: number }>][] = [
    ['removed', async (id, { id: userId }) => owner!.delete(`/groups/remove-member/${id}/${userId}`)],
    ['banned', async (id, { id: userId }) => owner!.put(`/groups/${id}/bans/${userId}`)],
    ['leaving', async (id, member) => member.post(`/groups/${id}/leave`)],
    ['silenced', async (id) => owner!.patch(`/groups/${id}`).send({ who_may_post: 'admins' })],
    ['in a group that is deleted', async (id) => owner!.delete(`/groups/${id}`)],
  ];

  it.each(ways)('%s: nothing of his is accepted afterwards, and all that was accepted is there', async (_way, end) => {
    const member = await register(server!.url, 'member');
    const { body: group } = await owner!.post('/groups/create?name=Rooms').expect(200);
    const id = group.group_id as string;
    for (const { id: userId } of [member, other!]) await owner!.post(`/groups/add-member/${id}?user_id=${userId}`).expect(200);

    const attempts: Attempt[] = [];
    let place = 0;
    let endedAt = Infinity;
    let left = 40;
    const write = async () => {
      while (left > 0) {
        if (endedAt < Infinity) left--;
        const [content, began] = [`message ${++place}`, place];
        const { status } = await member.post(`/groups/${id}/messages`, { encrypted_content: content });
        attempts.push({ content, began, status });
      }
    };
    const writers = Array.from({ length: 5 }, write);
    while (attempts.length < 20) await other!.get(`/groups/${id}`).expect(200);
    expect((await end(id, member)).status).toBe(200);
    endedAt = ++place;
    await Promise.all(writers);

    const accepted = attempts.filter(({ status }) => status === 200);
    expect(accepted.length).toBeGreaterThan(0);
    expect(new Set(attempts.map(({ status }) => status))).toEqual(new Set([200, _way === 'in a group that is deleted' ? 404 : 403]));
    expect(accepted.filter(({ began }) => began > endedAt)).toEqual([]);
    if (_way === 'in a group that is deleted') return;
    const { body } = await other!.get(`/groups/${id}/messages?limit=1000`).expect(200);
    const kept = (body.messages as { content: string }[]).map(({ content }) => content).sort();
    expect(kept).toEqual(accepted.map(({ content }) => content).sort());
    if (_way === 'silenced') return;
    // Nor is anything shown to him that others write from now on.
    await other!.post(`/groups/${id}/messages`, { encrypted_content: 'behind his back' }).expect(200);
    await member.get(`/groups/${id}/messages`).expect(403);
    const { body: members } = await other!.get(`/groups/${id}/members`).expect(200);
    expect((members as { user_id: string }[]).map(({ user_id }) => user_id)).not.toContain(member.id);
  });
});
