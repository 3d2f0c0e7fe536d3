import request, { type Test } from 'supertest';
import { freshAccount, PASSWORD } from '../support/people';
import { SocketClient } from '../support/socket-client';
import { type Home, PAGE_ORIGIN } from './homes';

type Method = 'get' | 'post' | 'put' | 'delete';

/** Placeholders as opaque to the server as what browsers make of them (section 8). */
export const PUBLIC_KEY = Buffer.from(JSON.stringify({ kty: 'EC', crv: 'P-256', x: 'x', y: 'y', ext: true, key_ops: [] })).toString(
  'base64',
);

/** The web client as the server sees it: what it sends and how, awkward as it is. */
export class Page {
  private constructor(
    private readonly home: Home,
    readonly id: string,
    readonly email: string,
    readonly username: string,
    /** As the browser has stored it; null before signing in. */
    readonly token: string | null,
  ) {}

  /** Nobody is signed in. */
  static of(home: Home): Page {
    return new Page(home, '', '', '', null);
  }

  static async register(home: Home, name: string): Promise<Page> {
    const account = { ...freshAccount(name), full_name: `${name} Example`, public_key: PUBLIC_KEY };
    const { body } = await Page.of(home).call('post', '/auth/register', account).expect(200);
    return new Page(home, body.user.id as string, account.email, account.username, body.access_token as string);
  }

  /** `Content-Type: application/json` always, with a body or without; an empty Authorization while there is no token. */
  call(method: Method, path: string, body?: object): Test {
    return this.callAs(this.token ? `Bearer ${this.token}` : '', method, path, body);
  }

  /** @param authorization undefined: no such header at all */
  callAs(authorization: string | undefined, method: Method, path: string, body?: object): Test {
    const test = request(`${this.home.url}/api/v1`)[method](path).set('Content-Type', 'application/json').set('Origin', PAGE_ORIGIN);
    if (authorization !== undefined) test.set('Authorization', authorization);
    return body === undefined ? test : test.send(body);
  }

  /** The four steps of signing in. */
  async signIn(): Promise<Page> {
    const { body } = await this.call('post', '/auth/login', { email: this.email, password: PASSWORD }).expect(200);
    const page = new Page(this.home, body.user.id as string, this.email, body.user.username as string, body.access_token as string);
    await page.call('get', '/users/me/key-backup').expect(200);
    await page.call('put', '/auth/public-key', { public_key: PUBLIC_KEY }).expect(200);
    await page.call('post', '/users/me/key-backup', { encrypted_private_key: 'backup' }).expect(200);
    return page;
  }

  socket(): Promise<SocketClient> {
    return SocketClient.open(this.home.url, { id: this.id, token: this.token! }, { origin: PAGE_ORIGIN });
  }

  /** Section 5. */
  send(recipient: Page, text: string, media_refs: object[] = []): Test {
    return this.call('post', '/relay/send', {
      recipient_id: recipient.id,
      encrypted_content: text,
      sender_encrypted_content: `own ${text}`,
      encrypted_session_key: 'ecdh-pfs',
      crypto_version: 'v1',
      encryption_algorithm: 'ECDH-AES256-GCM',
      kdf_algorithm: 'HKDF-SHA256',
      has_media: media_refs.length > 0,
      media_refs,
    });
  }

  /** Section 6: one request for each file, without a type of its own but the browser's for forms. */
  upload(bytes: Buffer, filename: string, contentType: string, messageId: string): Test {
    return request(`${this.home.url}/api/v1`)
      .post('/media/upload')
      .set('Origin', PAGE_ORIGIN)
      .set('Authorization', `Bearer ${this.token}`)
      .attach('file', bytes, { filename, contentType })
      .field('message_id', messageId);
  }
}

/** Both have the other in their lists, by an invitation, as the page does it. */
export async function befriend(home: Home, inviter: Page, invitee: Page): Promise<void> {
  await inviter.call('post', '/invitations/send', { inviter_email: inviter.email, invitee_email: invitee.email }).expect(200);
  const token = await home.hook('invite_token', invitee.email);
  await invitee.call('post', '/invitations/accept', { token, new_user_id: invitee.id }).expect(200);
}
