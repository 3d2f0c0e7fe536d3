import { randomUUID } from 'node:crypto';
import { type DataHome, dataHomes } from '../../../test/support/data-homes';
import { type House, startHouse } from '../../../test/support/house';
import { userContract } from './contract';
import { InvitationTokens } from './invitation-tokens';

describe.each(dataHomes.slice(0, 2))('invitations, through their contract, in $name', ({ open }) => {
  let home: DataHome;
  let house: House;
  let ada: string;
  let ben: string;
  const as = (caller: string) => house.as(caller, userContract);
  const emailOf = (id: string) => `${id}@example.com`;
  const invite = (by: string, invitee_email: string, options?: { key: string }) =>
    as(by).sendInvitation({ inviter_email: emailOf(by), invitee_email }, options);
  const namesOf = async (user_id: string) => (await as(user_id).contacts({ user_id })).map(({ contact_id }) => contact_id);
  const events = async (name: string) =>
    (
      await home.admin<{ payload: Record<string, unknown> }>('SELECT payload FROM banyan_user.outbox WHERE name = $1 ORDER BY position', [
        name,
      ])
    ).map(({ payload }) => payload);
  const table = () => (home.isLegacy ? 'public.invitations' : 'banyan_user.invitations');

  /** The secret of the mail. */
  async function tokenOf(invitation_id: string): Promise<string> {
    const { url } = await as('system').invitationMail({ invitation_id });
    return /^http:\/\/localhost:8000\/accept-invitation\/([A-Za-z0-9_-]{43})$/.exec(url)![1]!;
  }

  /** Ada invites Ben. */
  async function invited(email = emailOf(ben)) {
    const { invitation_id: id } = await invite(ada, email);
    return { id, token: await tokenOf(id) };
  }
  const expire = (id: string) =>
    home.admin(`UPDATE ${table()} SET expires_at = timezone('UTC', now()) - interval '1 s' WHERE id = $1`, [id]);

  beforeAll(async () => {
    home = await open('auth', 'user');
    house = await startHouse({ domains: ['user'], home });
  });
  beforeEach(async () => {
    [ada, ben] = [await home.addUser(), await home.addUser()];
    await home.admin('DELETE FROM banyan_user.outbox');
  });
  afterAll(async () => {
    await house?.close();
    await home?.close();
  });

  it('are open for seven days, mailed again under the same id, and told as events without a secret', async () => {
    const email = `new-${ada}@example.com`;
    const first = await invite(ada, email);
    expect(first).toEqual({ status: 'success', message: `Invitation sent to ${email}`, invitation_id: expect.any(String) as string });
    expect(await invite(ada, `new-${ada}@EXAMPLE.com`)).toEqual(first);
    const { invitation_id } = first;
    expect(await events('invitation.sent')).toEqual([1, 2].map((sending) => ({ invitation_id, inviter_id: ada, sending })));
    const [mail, later] = [await as('system').invitationMail({ invitation_id }), await as('system').invitationMail({ invitation_id })];
    expect(mail).toEqual(later);
    expect(mail).toMatchObject({ to: email, inviter_name: `user ${ada}` });
    const [listed] = await as(ada).invitations({});
    expect(listed).toMatchObject({
      id: invitation_id,
      invitee_email: email,
      state: 'open',
      accepted_at: null,
      expires_at: mail.expires_at,
    });
    expect(Date.parse(listed!.expires_at) - Date.parse(listed!.created_at)).toBeCloseTo(7 * 86_400_000, -4);
    await expire(invitation_id);
    await expect(as('system').invitationMail({ invitation_id })).rejects.toMatchObject({ code: 'user.no_invitation' });
    expect((await invite(ada, email)).invitation_id).not.toBe(invitation_id);
    expect((await as(ada).invitations({})).map(({ state }) => state).sort()).toEqual(['expired', 'open']);
  });

  it('are one, however many ask at the same moment; a repeat under its key mails nothing', async () => {
    const email = `new-${ada}@example.com`;
    const answers = await Promise.all(Array.from({ length: 5 }, () => invite(ada, email)));
    expect(new Set(answers.map(({ invitation_id }) => invitation_id)).size).toBe(1);
    expect((await events('invitation.sent')).map(({ sending }) => sending).sort()).toEqual([1, 2, 3, 4, 5]);
    const other = `other-${ada}@example.com`;
    for (let i = 0; i < 2; i++) await invite(ada, other, { key: 'k' });
    expect(await events('invitation.sent')).toHaveLength(6);
  });

  it('keep no secret that a thief of the database could use, unless legacy has to find it there', async () => {
    const { id, token } = await invited();
    const [row] = await home.admin<{ invitation_token: string }>(`SELECT invitation_token FROM ${table()} WHERE id = $1`, [id]);
    if (home.isLegacy) expect(row!.invitation_token).toBe(token);
    else {
      expect(row!.invitation_token).toMatch(/^sha256:/);
      for (const stolen of [row!.invitation_token, row!.invitation_token.slice(7)])
        await expect(as('system').verifyInvitation({ token: stolen })).rejects.toMatchObject({ code: 'user.invalid_invitation' });
    }
  });

  it('of legacy, with a token that it drew, are mailed and accepted with that', async () => {
    const [id, token] = [randomUUID(), 'A'.repeat(22) + randomUUID().replaceAll('-', '').slice(0, 21)];
    await home.admin(
      `INSERT INTO ${table()} (id, inviter_id, invitee_email, invitation_token, is_accepted, created_at, expires_at)
       VALUES ($1, $2, $3, $4, false, now(), now() + interval '1 day')`,
      [id, ada, emailOf(ben), token],
    );
    expect(await tokenOf(id)).toBe(token);
    expect(await as('system').verifyInvitation({ token })).toMatchObject({ inviter_id: ada, invitee_email: emailOf(ben) });
    expect((await invite(ada, emailOf(ben))).invitation_id).toBe(id);
    expect(await as(ben).acceptInvitation({ token, new_user_id: ben })).toMatchObject({ inviter_id: ada });
  });

  it('made with another secret are mailed with a new token when they are sent again', async () => {
    const { id, token } = await invited();
    const foreign = new InvitationTokens('another secret, of another time, long enough').kept(id, { isLegacy: false });
    await home.admin(`UPDATE ${table()} SET invitation_token = $2 WHERE id = $1`, [id, foreign]);
    await expect(as('system').invitationMail({ invitation_id: id })).rejects.toMatchObject({ code: 'user.no_invitation' });
    expect((await invite(ada, emailOf(ben))).invitation_id).toBe(id);
    expect(await tokenOf(id)).toBe(token);
  });

  it('are sent in one’s own name only, and not to a contact', async () => {
    const draft = { inviter_email: emailOf(ada), invitee_email: 'x@example.com' };
    await expect(as(ben).sendInvitation(draft)).rejects.toMatchObject({ code: 'user.not_your_address', status: 403 });
    await as(ada).addContact({ user_id: ada, contact_id: ben });
    await expect(invite(ada, emailOf(ben))).rejects.toMatchObject({
      code: 'user.already_your_contact',
      detail: 'User already registered and is already your contact.',
    });
    for (const bad of ['zz', 'a@b', `${'x'.repeat(300)}@example.com`, 'a\0@example.com', '\ud800@example.com'])
      await expect(invite(ada, bad)).rejects.toMatchObject({ code: 'invalid_input', status: 422 });
    expect(await events('invitation.sent')).toEqual([]);
  });

  it('are no way to flood one address or many, not even when they are taken back', async () => {
    const tooMany = { code: 'user.too_many_invitations', status: 429 };
    const email = `new-${ada}@example.com`;
    for (let i = 0; i < 5; i++) {
      const { invitation_id } = await invite(ada, email);
      await as(ada).revokeInvitation({ invitation_id });
    }
    for (const spelled of [email, email.replace('new', 'NEW')]) await expect(invite(ada, spelled)).rejects.toMatchObject(tooMany);
    const ends = await Promise.allSettled(Array.from({ length: 50 }, (_, i) => invite(ada, `${i}-${ada}@example.com`)));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(45);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject(tooMany);
    expect(await invite(ben, email)).toMatchObject({ status: 'success' });
  });

  it('are verified by whoever holds the link', async () => {
    const { token } = await invited();
    const known = { inviter_id: ada, inviter_name: `user ${ada}`, inviter_avatar: null, invitee_email: emailOf(ben) };
    expect(await as('system').verifyInvitation({ token })).toEqual(known);
    for (const unknown of ['nope', '', 'x'.repeat(43), `${token} `, token.slice(1)])
      await expect(as('system').verifyInvitation({ token: unknown })).rejects.toMatchObject({
        code: 'user.invalid_invitation',
        status: 404,
      });
    await expect(as('system').verifyInvitation({ token: 'x'.repeat(256) })).rejects.toMatchObject({ status: 422 });
  });

  it('accepted, make the two contacts of each other; again is the same, for others it is over', async () => {
    const { id, token } = await invited();
    const accepted = { status: 'success', message: 'Invitation accepted and contact added', inviter_id: ada, inviter_name: `user ${ada}` };
    for (let i = 0; i < 2; i++) expect(await as(ben).acceptInvitation({ token, new_user_id: ben })).toEqual(accepted);
    expect([await namesOf(ada), await namesOf(ben)]).toEqual([[ben], [ada]]);
    expect(await events('invitation.accepted')).toEqual([{ invitation_id: id, inviter_id: ada, user_id: ben }]);
    expect(await events('contact.added')).toHaveLength(2);
    expect(await as(ada).invitations({})).toMatchObject([{ id, state: 'accepted', accepted_at: expect.any(String) as string }]);
    await expect(as('system').verifyInvitation({ token })).rejects.toMatchObject({ detail: 'Invitation already accepted', status: 400 });
    const carol = await home.addUser();
    await expect(as(carol).acceptInvitation({ token, new_user_id: carol })).rejects.toMatchObject({ code: 'user.invitation_accepted' });
    await expect(as(carol).acceptInvitation({ token, new_user_id: ben })).rejects.toMatchObject({
      code: 'user.not_the_invitee',
      status: 403,
    });
    await expect(as('system').invitationMail({ invitation_id: id })).rejects.toMatchObject({ code: 'user.no_invitation' });
  });

  it('accepted by several at the same moment, are one’s', async () => {
    const { token } = await invited();
    const people = [ben, ...(await Promise.all(Array.from({ length: 4 }, () => home.addUser())))];
    const ends = await Promise.allSettled(people.map((id) => as(id).acceptInvitation({ token, new_user_id: id })));
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const end of ends) if (end.status === 'rejected') expect(end.reason).toMatchObject({ code: 'user.invitation_accepted' });
    expect(await namesOf(ada)).toHaveLength(1);
    expect(await events('invitation.accepted')).toHaveLength(1);
  });

  it('accepted by one person on several devices at once, are accepted', async () => {
    const { token } = await invited();
    await Promise.all(Array.from({ length: 6 }, () => as(ben).acceptInvitation({ token, new_user_id: ben })));
    expect([await namesOf(ada), await namesOf(ben)]).toEqual([[ben], [ada]]);
    expect(await events('invitation.accepted')).toHaveLength(1);
  });

  it('serve once more when a contact was removed, and only who accepted', async () => {
    const { token } = await invited();
    await as(ben).acceptInvitation({ token, new_user_id: ben });
    const [entry] = await as(ada).contacts({ user_id: ada });
    await as(ada).removeContact({ contact_id: entry!.id });
    expect(await as('system').verifyInvitation({ token })).toMatchObject({ inviter_id: ada });
    const carol = await home.addUser();
    await expect(as(carol).acceptInvitation({ token, new_user_id: carol })).rejects.toMatchObject({ code: 'user.invitation_accepted' });
    await as(ben).acceptInvitation({ token, new_user_id: ben });
    expect(await namesOf(ada)).toEqual([ben]);
  });

  it('that legacy has accepted belong to whoever has the invited address', async () => {
    const { id, token } = await invited();
    await home.admin(`UPDATE ${table()} SET is_accepted = true, accepted_at = now() WHERE id = $1`, [id]);
    const carol = await home.addUser();
    await expect(as(carol).acceptInvitation({ token, new_user_id: carol })).rejects.toMatchObject({ code: 'user.invitation_accepted' });
    await as(ben).acceptInvitation({ token, new_user_id: ben });
    expect(await events('invitation.accepted')).toEqual([]);
  });

  it('without a sign-in, are for the invited address only, in whatever case', async () => {
    const { token } = await invited(emailOf(ben).toUpperCase());
    const carol = await home.addUser();
    for (const new_user_id of [carol, randomUUID()])
      await expect(as('system').acceptInvitation({ token, new_user_id })).rejects.toMatchObject({
        code: 'user.not_the_invitee',
        status: 403,
      });
    expect(await as('system').acceptInvitation({ token, new_user_id: ben })).toMatchObject({ inviter_id: ada });
  });

  it('may be accepted by whoever is signed in and holds the link, with another address as well', async () => {
    const { token } = await invited('somebody-else@example.com');
    expect(await as(ben).acceptInvitation({ token, new_user_id: ben })).toMatchObject({ inviter_id: ada });
  });

  it('expired or unknown, are not accepted', async () => {
    const { id, token } = await invited();
    await expire(id);
    const expired = { code: 'user.invitation_expired', status: 400, detail: 'Invitation expired' };
    await expect(as(ben).acceptInvitation({ token, new_user_id: ben })).rejects.toMatchObject(expired);
    await expect(as('system').verifyInvitation({ token })).rejects.toMatchObject(expired);
    await expect(as(ben).acceptInvitation({ token: 'nope', new_user_id: ben })).rejects.toMatchObject({
      status: 400,
      detail: 'Invalid invitation token',
    });
  });

  it('taken back, are worth nothing; others cannot take them', async () => {
    const { id, token } = await invited();
    const unknown = { code: 'user.invitation_not_found', status: 404 };
    await expect(as(ben).revokeInvitation({ invitation_id: id })).rejects.toMatchObject(unknown);
    for (let i = 0; i < 2; i++)
      expect(await as(ada).revokeInvitation({ invitation_id: id }, { key: 'r' })).toEqual({ status: 'Invitation revoked' });
    await expect(as(ada).revokeInvitation({ invitation_id: id })).rejects.toMatchObject(unknown);
    await expect(as(ben).acceptInvitation({ token, new_user_id: ben })).rejects.toMatchObject({ code: 'user.invalid_invitation_token' });
    await expect(as('system').invitationMail({ invitation_id: id })).rejects.toMatchObject({ code: 'user.no_invitation' });
    expect(await as(ada).invitations({})).toEqual([]);
  });

  it('to oneself make oneself a contact', async () => {
    const { token } = await invited(emailOf(ada));
    await as(ada).acceptInvitation({ token, new_user_id: ada });
    expect(await namesOf(ada)).toEqual([ada]);
    await expect(as('system').verifyInvitation({ token })).rejects.toMatchObject({ code: 'user.invitation_accepted' });
  });

  it('of somebody who is blocked are answered as ever, and reach nobody', async () => {
    await as(ada).addContact({ user_id: ada, contact_id: ben });
    await as(ben).block({ user_id: ada });
    expect(await invite(ada, emailOf(ben))).toMatchObject({ message: `Invitation sent to ${emailOf(ben)}` });
    expect(await invite(ada, `${ben.toUpperCase()}@example.com`)).toMatchObject({ status: 'success' }); // the same mailbox
    expect(await events('invitation.sent')).toEqual([]);
  });

  it('of somebody who is blocked before they are mailed are not mailed, however the address is spelled', async () => {
    const { invitation_id } = await invite(ada, `${ben.toUpperCase()}@example.com`);
    await as(ben).block({ user_id: ada });
    await expect(as('system').invitationMail({ invitation_id })).rejects.toMatchObject({ code: 'user.no_invitation' });
  });

  it('accepted by somebody whom the inviter has blocked since, put nobody into the inviter’s list', async () => {
    const { id, token } = await invited();
    await as(ada).block({ user_id: ben });
    expect(await as(ben).acceptInvitation({ token, new_user_id: ben })).toMatchObject({ status: 'success' });
    expect(await namesOf(ada)).toEqual([]);
    await expect(as('system').invitationMail({ invitation_id: id })).rejects.toMatchObject({ code: 'user.no_invitation' });
  });
});
