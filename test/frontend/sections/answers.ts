import { randomUUID } from 'node:crypto';
import request from 'supertest';
import { type Home, PAGE_ORIGIN } from '../homes';
import { Page, PUBLIC_KEY } from '../page';

export function answers(home: () => Home): void {
  describe('1. Configuration and origins', () => {
    it.each(['GET', 'POST', 'PUT', 'DELETE'])('lets the page call with %s, and no other page', async (method) => {
      const preflight = (origin: string) =>
        request(home().url)
          .options('/api/v1/relay/send')
          .set('Origin', origin)
          .set('Access-Control-Request-Method', method)
          .set('Access-Control-Request-Headers', 'authorization,content-type');
      const { headers } = await preflight(PAGE_ORIGIN).expect(200);
      expect(headers['access-control-allow-origin']).toBe(PAGE_ORIGIN);
      expect(headers['access-control-allow-credentials']).toBe('true');
      expect(headers['access-control-allow-methods']).toMatch(method);
      expect(headers['access-control-allow-headers']).toMatch(/authorization,\s?content-type/i);
      expect((await preflight('https://evil.example')).headers['access-control-allow-origin']).not.toBe('https://evil.example');
    });
  });

  describe('2. Rules for every HTTP answer', () => {
    let ada: Page;
    let bob: Page;
    beforeAll(async () => {
      [ada, bob] = [await Page.register(home(), 'ada'), await Page.register(home(), 'bob')];
    });

    it('errors have a text as detail, whatever is wrong', async () => {
      const wrong = [
        ada.call('post', '/auth/register', { email: 'x' }),
        ada.call('post', '/auth/login', { email: ada.email, password: 'wrong' }),
        ada.call('post', '/relay/send', {}),
        ada.call('post', '/relay/send', { recipient_id: '1' }),
        ada.call('get', '/messages/conversation/undefined'),
        ada.call('get', '/users/1'),
        ada.call('get', `/users/${randomUUID()}`),
        ada.call('get', '/contacts?user_id=1'),
        ada.call('post', '/groups/create'),
        ada.call('delete', '/groups/msg-1-x'),
        ada.call('post', '/invitations/send', { inviter_email: ada.email, invitee_email: 'nobody' }),
        ada.call('post', '/invitations/accept', { token: 'x', new_user_id: '1' }),
        ada.call('post', '/admin/add-contact', { admin_id: ada.id, user_id: bob.id }),
        ada.call('delete', `/admin/remove-contact/${ada.id}/${bob.id}`),
        ada.call('get', '/no/such/thing'),
        ada.callAs('Bearer null', 'get', '/groups/'),
        ada.callAs('', 'get', '/groups/'),
        ada.callAs(undefined, 'get', '/groups/'),
      ];
      for (const { status, body, headers } of await Promise.all(wrong)) {
        expect({ status, body }).toEqual({ status: expect.any(Number), body: expect.objectContaining({ detail: expect.any(String) }) });
        expect(status).toBeGreaterThanOrEqual(400);
        expect(status).toBeLessThan(500);
        expect(headers['access-control-allow-origin']).toBe(PAGE_ORIGIN); // a page that may not read the error cannot show it
      }
    });

    it('every successful POST and DELETE has a JSON body, also to requests that say they have one and have none', async () => {
      const { body: group } = await ada.call('post', '/groups/create?name=Empty').expect(200);
      const done = [
        await ada.call('post', `/groups/add-member/${group.group_id}?user_id=${bob.id}`),
        await ada.send(bob, 'text'),
        await bob.call('post', '/relay/acknowledge', { message_id: 'unknown' }),
        await ada.call('post', '/invitations/send', { inviter_email: ada.email, invitee_email: `${randomUUID()}@example.com` }),
        await ada.call('delete', `/groups/${group.group_id}`),
      ];
      for (const { status, type, body } of done) {
        expect([status, type]).toEqual([200, 'application/json']);
        expect(Object.keys(body as object)).not.toEqual([]);
      }
      await ada.call('get', '/groups/').expect(200);
    });

    it('the token is all that is asked: empty and `Bearer null` are none', async () => {
      for (const [authorization, status] of [
        ['', 403],
        ['Bearer null', 401],
        ['Bearer undefined', 401],
        [undefined, 403],
      ] as const)
        await ada.callAs(authorization, 'get', '/auth/me').expect(status);
      await ada.callAs('Bearer null', 'get', '/contacts?user_id=1').expect(401); // a demo account, whose id is none
    });

    it('times end in Z or have an offset, ids are texts', async () => {
      await ada.send(bob, 'when');
      const { body } = await bob.call('get', `/messages/conversation/${ada.id}?current_user_id=${bob.id}`).expect(200);
      for (const { id, created_at } of body)
        expect([id, created_at]).toEqual([expect.any(String), expect.stringMatching(/(?:Z|[+-]\d\d:\d\d)$/)]);
    });

    it('keys are kept byte for byte', async () => {
      const { body } = await bob.call('get', `/users/${ada.id}`).expect(200);
      expect(body.public_key).toBe(PUBLIC_KEY);
    });
  });
}
