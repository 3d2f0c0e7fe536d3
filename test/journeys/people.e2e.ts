import request from 'supertest';
import { banyanHooks } from '../legacy/banyan-hooks';
import { banyan } from '../support/cli';
import { envelope, freshAccount, PASSWORD, type Person, register } from '../support/people';
import { type Placement, placements, startPlaced, strayed } from '../support/placements';
import { type Deployment } from '../support/deployment';
import { until } from '../support/until';
import { execSync } from 'node:child_process';

/** What the web client does about people, as it does it: some of its calls carry no token. */
describe.each<Placement>(placements)('people, with $name', (placement) => {
  let deployment: Deployment;
  let ada: Person;
  let ben: Person;

  beforeAll(async () => {
    deployment = await startPlaced(placement);
    [ada, ben] = [await register(deployment.url, 'ada'), await register(deployment.url, 'ben')];
  });
  afterAll(async () => {
    const found = await strayed(deployment, placement);
    await deployment.remove();
    expect(found).toEqual([]);
  });

  const api = () => request(`${deployment.url}/api/v1`);
  /** The cookie that a browser has after the sign-in. */
  async function cookieOf({ email }: Person): Promise<string> {
    const answer = await api().post('/auth/login').send({ email, password: PASSWORD }).expect(200);
    return (answer.headers['set-cookie'] as unknown as string[]).map((cookie) => cookie.split(';')[0]!).join('; ');
  }
  const origin = () => deployment.url;
  const secretOf = (email: string) =>
    execSync(banyanHooks(deployment.environment).invite_token, { env: { ...process.env, HOOK_EMAIL: email }, encoding: 'utf8' }).trim();
  const contactsOf = async (who: Person) =>
    ((await who.get(`/contacts?user_id=${who.id}`).expect(200)).body as { contact_id: string }[]).map(({ contact_id }) => contact_id);

  it('the search dialog and the invitation dialog, which send no header, work in a browser that is signed in, on our pages only', async () => {
    const cookie = await cookieOf(ada);
    const { body: found } = await api()
      .get(`/users/search?email=${ben.email.slice(0, 12)}`)
      .set('Cookie', cookie)
      .expect(200);
    expect(found).toContainEqual(expect.objectContaining({ id: ben.id, email: ben.email }));
    await api().get('/users/search?email=ben').expect(403);
    const invitation = { inviter_email: ada.email, invitee_email: freshAccount('dave').email };
    const send = () => api().post('/invitations/send').send(invitation);
    await send().expect(403);
    await send().set('Cookie', cookie).expect(403);
    await send().set('Cookie', cookie).set('Origin', 'https://evil.example').expect(403);
    await send().set('Cookie', cookie).set('Origin', origin()).expect(200);
    await send()
      .set('Cookie', await cookieOf(ben))
      .set('Origin', origin())
      .expect(403, /in your own name/);
  });

  it('the invitation page, which sends "Bearer null", accepts for who is signed in there, or for the invited address', async () => {
    const dave = freshAccount('dave');
    await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: dave.email }).expect(200);
    const token = secretOf(dave.email);
    const accept = (new_user_id: string) =>
      api().post('/invitations/accept').set('Authorization', 'Bearer null').send({ token, new_user_id });
    await accept(ben.id).expect(403);
    await accept(ben.id)
      .set('Cookie', await cookieOf(ada))
      .set('Origin', origin())
      .expect(403);
    const { body } = await api().post('/auth/register').send(dave).expect(200);
    await accept(body.user.id as string).expect(200);
    await accept(body.user.id as string).expect(200);
    expect(await contactsOf(ada)).toEqual([body.user.id]);

    const other = freshAccount('other-address-of-ben').email;
    await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: other }).expect(200);
    const second = { token: secretOf(other), new_user_id: ben.id };
    await api().post('/invitations/accept').set('Authorization', 'Bearer null').send(second).expect(403);
    await api()
      .post('/invitations/accept')
      .set('Authorization', 'Bearer null')
      .set('Cookie', await cookieOf(ben))
      .set('Origin', origin())
      .send(second)
      .expect(200);
    expect(await contactsOf(ben)).toEqual([ada.id]);
  });

  it('who is blocked sends nothing by either way, and hears no more than of somebody who is not there', async () => {
    const [eve, sue] = [await register(deployment.url, 'eve'), await register(deployment.url, 'sue')];
    await eve.post('/relay/send', envelope(sue)).expect(200);
    await sue.post('/blocks', { user_id: eve.id }).expect(200);
    const ghost = { ...sue, id: '018f0000-0000-7000-8000-000000000000' };
    for (const other of [sue, ghost]) {
      await eve.post('/relay/send', envelope(other)).expect(404, /Recipient not found/);
      await eve.post('/messages/send', { sender_id: eve.id, ...envelope(other) }).expect(404, /Recipient not found/);
      await eve.get(`/users/${other.id}`).expect(404, /User not found/);
    }
    await sue.post('/relay/send', envelope(eve)).expect(404);
    await sue.delete(`/blocks/${eve.id}`).expect(200);
    await eve.post('/relay/send', envelope(sue)).expect(200);
  });

  it('who is made an admin is one with the token that he has', async () => {
    const root = await register(deployment.url, 'root');
    await root.get(`/admin/all-users/${root.id}`).expect(403, /Only admins can view all users/);
    const settings = deployment.environment;
    const shouted = root.email.replace('example.com', 'EXAMPLE.com');
    expect(await banyan(settings, 'user', 'make-admin', shouted)).toMatchObject({ code: 0, out: `${root.email} is now an admin.\n` });
    expect(await banyan(settings, 'user', 'make-admin', root.email)).toMatchObject({
      code: 0,
      out: `${root.email} is already an admin.\n`,
    });
    expect(await banyan(settings, 'user', 'make-admin', 'nobody@example.com')).toMatchObject({
      code: 1,
      err: expect.stringContaining('Nobody'),
    });
    expect(await banyan(settings, 'user', 'make-admin', 'nonsense')).toMatchObject({ code: 2 });
    await until(async () => (await root.get(`/admin/all-users/${root.id}`)).status === 200);
    const listed = async () => {
      const { body } = await root.get(`/admin/all-users/${root.id}`).expect(200);
      return (body as { id: string; role: string }[]).map(({ id, role }) => `${id} ${role}`);
    };
    expect(await listed()).toContain(`${ada.id} user`);
    await banyan(settings, 'user', 'make-admin', ada.email);
    await until(async () => (await listed()).includes(`${ada.id} admin`));
  });
});
