import request from 'supertest';
import { MailServer, type ReceivedMail } from '../support/mail-server';
import { freshAccount, type Person, register, signIn } from '../support/people';
import { Deployment } from '../support/deployment';
import { placements, strayed } from '../support/placements';
import { startOnLegacy } from '../support/legacy-server';

const FRONTEND = 'https://app.example';

/** A link of a mail: the path of the page, and what is behind its `#` or last `/`. */
function linkIn(mail: ReceivedMail, path: string): string {
  const [, token] = new RegExp(`${path}[#/](\\S+)`).exec(mail.text!) ?? [];
  expect(String(mail.html)).toContain(token);
  return token!;
}

interface Scene {
  readonly url: string;
  close(): Promise<void>;
  /** Nothing went elsewhere than the placement says. */
  strayed?(): Promise<string[]>;
}

let mails: MailServer;

beforeAll(async () => {
  mails = await MailServer.start();
});

afterAll(() => mails.stop());

const settings = () => ({
  SMTP_URL: mails.url,
  MAIL_FROM: 'Example Chat <noreply@chat.example>',
  FRONTEND_URL: FRONTEND,
  PUBLIC_URL: 'https://chat.example',
});

const scenes: [string, () => Promise<Scene>][] = [
  ...placements.map((placement): [string, () => Promise<Scene>] => [
    placement.name,
    async () => {
      const deployment = await Deployment.start({
        remote: placement.remote,
        workers: Object.fromEntries(Object.keys(placement.remote).map((domain) => [domain, 1])),
        environment: settings(),
      });
      return { url: deployment.url, close: () => deployment.remove(), strayed: () => strayed(deployment, placement) };
    },
  ]),
  ['on the legacy database', () => startOnLegacy('text', { environment: settings() })],
];

describe.each(scenes)('mail, %s', (_name, start) => {
  let scene: Scene;
  const api = () => request(`${scene.url}/api/v1`);
  let ada: Person;

  beforeAll(async () => {
    mails.forget();
    scene = await start();
    ada = await register(scene.url, 'ada');
  });

  afterAll(async () => {
    await scene?.close();
  });

  it('a new account gets one mail, whose link confirms the address, once', async () => {
    const mail = await mails.mailTo(ada.email);
    const token = linkIn(mail, 'https://chat.example/account/verify-email');
    expect((await ada.get('/auth/me').expect(200)).body).toMatchObject({ is_verified: false });
    await api().post('/auth/email/verify').send({ token }).expect(200);
    expect((await ada.get('/auth/me').expect(200)).body).toMatchObject({ is_verified: true });
    const { body } = await ada.get('/notifications').expect(200);
    expect(body).toEqual({
      notifications: [
        expect.objectContaining({ kind: 'verify_email', state: 'sent', created_at: expect.stringMatching(/Z$/), read_at: null }),
      ],
      next_cursor: null,
    });
    const [{ id }] = body.notifications;
    const { body: read } = await ada.put(`/notifications/${id}/read`).expect(200);
    expect(read.read_at).toMatch(/Z$/);
    await ada.put(`/notifications/${id}/read`).expect(200, read);
    const stranger = await register(scene.url);
    await stranger.put(`/notifications/${id}/read`).expect(404);
  });

  it('a forgotten password is replaced by a link, and its owner is told', async () => {
    await api().post('/auth/password/forgot').send({ email: ada.email }).expect(200);
    const mail = await mails.mailTo(ada.email, ({ subject }) => subject === 'Choose a new password');
    const token = linkIn(mail, 'https://chat.example/account/reset-password');
    await api().post('/auth/password/reset').send({ token, password: 'a-brand-new-horse-2' }).expect(200);
    await signIn(scene.url, { email: ada.email, password: 'a-brand-new-horse-2' });
    ada = await signIn(scene.url, { email: ada.email, password: 'a-brand-new-horse-2' });
    const told = await mails.mailTo(ada.email, ({ subject }) => subject === 'Your password was changed');
    expect(told.headers.has('list')).toBe(false);
  });

  it('an invitation is mailed, accepted by its link, and its sender is told; either can say no to more', async () => {
    const ben = freshAccount('ben');
    await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: ben.email }).expect(200);
    const mail = await mails.mailTo(ben.email);
    expect(mail.subject).toMatch(/^ada-.* invited you to Example Chat$/);
    const token = linkIn(mail, `${FRONTEND}/accept-invitation`);
    expect((await api().get(`/invitations/verify/${token}`).expect(200)).body).toMatchObject({ invitee_email: ben.email });

    const { body } = await api().post('/auth/register').send(ben).expect(200);
    await api()
      .post('/invitations/accept')
      .set('Authorization', `Bearer ${body.access_token}`)
      .send({ token, new_user_id: body.user.id })
      .expect(200);
    const accepted = await mails.mailTo(ada.email, ({ subject }) => subject!.includes('accepted your invitation'));
    const [, oneClick] = /^List-Unsubscribe: <https:\/\/chat\.example\/api\/v1([^>]+)>\r$/m.exec(accepted.raw)!;
    await api().post(oneClick!).type('form').send('List-Unsubscribe=One-Click').expect(200, { kind: 'invitation_accepted' });
    expect((await ada.get('/notifications/preferences').expect(200)).body.preferences).toContainEqual({
      kind: 'invitation_accepted',
      is_on: false,
      can_change: true,
    });
    await ada.put('/notifications/preferences', { kind: 'verify_email', is_on: false }).expect(400);

    // Somebody without an account says no, by the link for people; the next invitation to him is not mailed.
    const shy = freshAccount('shy');
    await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: shy.email }).expect(200);
    const link = linkIn(await mails.mailTo(shy.email), 'https://chat.example/account/unsubscribe');
    await api().post('/notifications/unsubscribe').send({ token: link }).expect(200, { kind: 'invitation' });
    await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: shy.email }).expect(200);
    const witness = freshAccount('witness');
    await ada.post('/invitations/send', { inviter_email: ada.email, invitee_email: witness.email }).expect(200);
    await mails.mailTo(witness.email);
    expect(mails.to(shy.email)).toHaveLength(1);
  });

  it('every mail came once', async () => {
    const ids = mails.received.map(({ messageId }) => messageId);
    expect(new Set(ids).size).toBe(ids.length);
    expect((await scene.strayed?.()) ?? []).toEqual([]);
  });
});
