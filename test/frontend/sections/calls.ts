import { randomUUID } from 'node:crypto';
import { freshAccount, PASSWORD } from '../../support/people';
import type { Home } from '../homes';
import { befriend, Page, PUBLIC_KEY } from '../page';

export function calls(home: () => Home): void {
  describe('3.1 Sign in, register, page load', () => {
    it('registers, signs in with its four steps, and finds itself again', async () => {
      const ada = await Page.register(home(), 'ada');
      const page = await ada.signIn();
      const { body } = await page.call('get', '/auth/me').expect(200);
      expect(body).toMatchObject({ id: ada.id, username: ada.username, email: ada.email, full_name: 'ada Example', role: 'user' });
      expect((await page.call('get', '/users/me/key-backup').expect(200)).body.encrypted_private_key).toBe('backup');
    });

    it('has no backup before the first signing in', async () => {
      const ada = await Page.register(home(), 'ada');
      expect((await ada.call('get', '/users/me/key-backup').expect(200)).body.encrypted_private_key).toBeNull();
    });

    it('says that the account exists in words that the page looks for', async () => {
      const account = { ...freshAccount('ada'), full_name: 'Ada', public_key: PUBLIC_KEY };
      const nobody = Page.of(home());
      await nobody.call('post', '/auth/register', account).expect(200);
      for (const again of [account, { ...account, username: `${account.username}x` }]) {
        const { status, body } = await nobody.call('post', '/auth/register', again);
        expect([status, body.detail]).toEqual([400, expect.stringMatching(/already exist|email already registered/i)]);
      }
      await nobody.call('post', '/auth/login', { email: account.email, password: 'wrong-horse-1' }).expect(401);
    });
  });

  describe('3.2 Contacts and invitations', () => {
    it('an invitation to somebody who has an account: sent, looked at, accepted with `Bearer null`', async () => {
      const [ada, bob] = [await Page.register(home(), 'ada'), await Page.register(home(), 'bob')];
      await ada.call('post', '/invitations/send', { inviter_email: ada.email, invitee_email: bob.email }).expect(200);
      const token = await home().hook('invite_token', bob.email);
      const seen = await bob.callAs(undefined, 'get', `/invitations/verify/${token}`).expect(200);
      expect(seen.body).toMatchObject({ inviter_name: expect.any(String), invitee_email: bob.email });
      const accepted = await bob.callAs('Bearer null', 'post', '/invitations/accept', { token, new_user_id: bob.id }).expect(200);
      expect(accepted.body.inviter_id).toBe(ada.id);
      for (const [one, other] of [
        [ada, bob],
        [bob, ada],
      ] as const) {
        const { body } = await one.call('get', `/contacts?user_id=${one.id}`).expect(200);
        expect(body).toEqual([
          expect.objectContaining({
            contact_id: other.id,
            contact_username: other.username,
            contact_email: other.email,
            contact_full_name: expect.any(String),
            contact_public_key: PUBLIC_KEY,
          }),
        ]);
      }
    });

    it('accepting after a registration shows each to the other at once', async () => {
      const [ada, bob] = [await Page.register(home(), 'ada'), await Page.register(home(), 'bob')];
      const sockets = await Promise.all([ada.socket(), bob.socket()]);
      await befriend(home(), ada, bob);
      for (const [socket, other] of [
        [sockets[0]!, bob],
        [sockets[1]!, ada],
      ] as const) {
        const frame = await socket.next('contact_added');
        expect(frame).toMatchObject({
          contact_id: other.id,
          username: other.username,
          email: other.email,
          is_online: true,
          public_key: PUBLIC_KEY,
        });
      }
      await Promise.all(sockets.map((socket) => socket.close()));
    });

    it('an invitation without a token or from another name is refused in words', async () => {
      const [ada, bob] = [await Page.register(home(), 'ada'), await Page.register(home(), 'bob')];
      const invitation = { inviter_email: ada.email, invitee_email: bob.email };
      for (const refused of [
        bob.call('post', '/invitations/send', invitation),
        ada.callAs(undefined, 'post', '/invitations/send', invitation),
      ])
        expect((await refused.expect(403)).body.detail).toEqual(expect.any(String));
      const unknown = await ada.callAs(undefined, 'get', '/invitations/verify/nothing');
      expect([unknown.status, unknown.body.detail]).toEqual([404, expect.any(String)]);
    });
  });

  describe('3.3 Chat', () => {
    it('opens a conversation, asks for the key, sends, fetches, stores and acknowledges', async () => {
      const [ada, bob] = [await Page.register(home(), 'ada'), await Page.register(home(), 'bob')];
      expect((await ada.call('get', `/messages/conversation/${bob.id}?current_user_id=${ada.id}`).expect(200)).body).toEqual([]);
      expect((await ada.call('get', `/users/${bob.id}`).expect(200)).body.public_key).toBe(PUBLIC_KEY);
      const { body: sent } = await ada.send(bob, 'hello').expect(200);
      expect(sent).toMatchObject({ success: true, status: 'queued', message_id: expect.any(String) });
      const { body: pending } = await bob.call('get', '/relay/pending').expect(200);
      expect(pending.count).toBe(1);
      expect(pending.messages).toEqual([
        expect.objectContaining({
          id: sent.message_id,
          sender_id: ada.id,
          recipient_id: bob.id,
          encrypted_content: 'hello',
          encrypted_session_key: 'ecdh-pfs',
          crypto_version: 'v1',
          encryption_algorithm: 'ECDH-AES256-GCM',
          kdf_algorithm: 'HKDF-SHA256',
          has_media: false,
          media_refs: [],
          created_at: expect.stringMatching(/Z$|\+00:00$/),
        }),
      ]);
      const acknowledged = await bob.call('post', '/relay/acknowledge', { message_id: sent.message_id }).expect(200);
      expect(acknowledged.body.status).toBe('deleted');
      expect((await bob.call('get', '/relay/pending').expect(200)).body).toMatchObject({ count: 0, messages: [] });
      for (const [one, other] of [
        [ada, bob],
        [bob, ada],
      ] as const) {
        const { body } = await one.call('get', `/messages/conversation/${other.id}?current_user_id=${one.id}`).expect(200);
        expect(body).toMatchObject([
          {
            id: sent.message_id,
            sender_id: ada.id,
            encrypted_content: 'hello',
            sender_encrypted_content: 'own hello',
            media_attachments: [],
          },
        ]);
      }
    });

    it('a conversation is complete, and nobody else reads it', async () => {
      const [ada, bob, mallory] = await Promise.all(['ada', 'bob', 'mallory'].map((name) => Page.register(home(), name)));
      for (let i = 0; i < 120; i += 20) await Promise.all(Array.from({ length: 20 }, (_, n) => ada!.send(bob!, `${i + n}`).expect(200)));
      const { body } = await bob!.call('get', `/messages/conversation/${ada!.id}?current_user_id=${bob!.id}`).expect(200);
      expect(body).toHaveLength(120);
      const path = `/messages/conversation/${ada!.id}?current_user_id=${bob!.id}`;
      expect((await mallory!.call('get', path)).body).not.toHaveLength(120);
    });
  });

  describe('3.4 Groups', () => {
    it('lists everybody for the dialog, makes a group and adds its members in parallel, all without bodies', async () => {
      const [ada, ...others] = await Promise.all(['ada', 'b', 'c', 'd'].map((name) => Page.register(home(), name)));
      const { body: everybody } = await ada!.call('get', `/contacts/all-users?user_id=${ada!.id}`).expect(200);
      for (const { id, username, email } of others)
        expect(everybody).toContainEqual(expect.objectContaining({ contact_id: id, contact_username: username, contact_email: email }));
      const { body: group } = await ada!.call('post', `/groups/create?name=${encodeURIComponent('Käse & Brot')}`).expect(200);
      expect(group).toMatchObject({
        group_id: expect.any(String),
        name: 'Käse & Brot',
        admin_id: ada!.id,
        created_at: expect.stringMatching(/Z$/),
      });
      await Promise.all(others.map(({ id }) => ada!.call('post', `/groups/add-member/${group.group_id}?user_id=${id}`).expect(200)));
      const { body: list } = await others[0]!.call('get', '/groups/').expect(200);
      expect(list).toMatchObject([{ id: group.group_id, name: 'Käse & Brot', memberCount: 4, is_admin: false, admin_id: ada!.id }]);
      const { body: members } = await others[0]!.call('get', `/groups/${group.group_id}/members`).expect(200);
      expect((members as { user_id: string }[]).map(({ user_id }) => user_id).sort()).toEqual([ada!, ...others].map(({ id }) => id).sort());
      await ada!.call('delete', `/groups/${group.group_id}`).expect(200);
    });
  });

  describe('3.5 Administration', () => {
    it('shows everybody to an admin, adds a contact, and deletes an account', async () => {
      const [boss, bob] = [await Page.register(home(), 'boss'), await Page.register(home(), 'bob')];
      await boss.call('get', `/admin/all-users/${boss.id}`).expect(403);
      await home().hook('promote_admin', boss.email);
      const admin = await boss.signIn();
      const { body } = await admin.call('get', `/admin/all-users/${admin.id}`).expect(200);
      expect(body).toContainEqual(
        expect.objectContaining({
          id: bob.id,
          email: bob.email,
          username: bob.username,
          role: 'user',
          is_contact: false,
          created_at: expect.any(String),
        }),
      );
      expect((body as { id: string }[]).map(({ id }) => id)).not.toContain(admin.id);
      const shown = await bob.socket();
      await admin.call('post', '/admin/add-contact', { admin_id: admin.id, user_id: bob.id }).expect(200);
      await shown.next('contact_added', ({ contact_id }) => contact_id === admin.id);
      const gone = await admin.call('delete', `/admin/remove-contact/${admin.id}/${bob.id}`).expect(200);
      expect(gone.type).toBe('application/json');
      await bob.call('get', '/auth/me').expect(401);
      await bob.call('post', '/auth/login', { email: bob.email, password: PASSWORD }).expect(401);
      expect((await admin.call('delete', `/admin/remove-contact/${admin.id}/${randomUUID()}`)).body.detail).toEqual(expect.any(String));
    });
  });
}
