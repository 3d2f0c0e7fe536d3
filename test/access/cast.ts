import { Client } from 'pg';
import request from 'supertest';
import type { TestServer } from '../support/banyan';
import { freshAccount, type Person, register } from '../support/people';
import { until } from '../support/until';

/**
 * Who calls. The owner is the one whose things an operation is about; the friend, whom no row names, is the other one in them. `blocked`:
 * by the owner. `removed` and `ended` show a token that was good: its user, or its session, is gone.
 */
export const callers = ['anonymous', 'stranger', 'owner', 'admin', 'blocked', 'removed', 'ended'] as const;
export type Caller = (typeof callers)[number];

/** Everybody whom a request may be about, and things of the owner's, made anew when they are asked for. */
export class Cast {
  private constructor(
    private readonly server: TestServer,
    readonly owner: Person,
    readonly friend: Person,
    private readonly people: ReadonlyMap<Caller, Person>,
    private readonly accounts: Client,
  ) {}

  static async assemble(server: TestServer): Promise<Cast> {
    const accounts = new Client(server.environment.AUTH_DATABASE_URL);
    await accounts.connect();
    const [owner, friend] = [await register(server.url, 'owner'), await register(server.url, 'friend')];
    const people = new Map<Caller, Person>([['owner', owner]]);
    const cast = new Cast(server, owner, friend, people, accounts);
    for (const caller of callers) if (caller !== 'owner' && caller !== 'anonymous') people.set(caller, await cast.another(caller));
    return cast;
  }

  /** Undefined for the anonymous one. */
  get(caller: Caller): Person | undefined {
    return this.people.get(caller);
  }

  /** Somebody of the same kind, who may be used up. */
  async another(caller: Exclude<Caller, 'anonymous'>): Promise<Person> {
    const person = await register(this.server.url, caller);
    if (caller === 'admin') await this.accounts.query(`UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1`, [person.id]);
    if (caller === 'blocked') await this.owner.post('/blocks', { user_id: person.id }).expect(200);
    if (caller === 'removed') await person.delete('/auth/me').send({ password: person.password }).expect(200);
    if (caller === 'ended') await person.post('/auth/logout').expect(200);
    return person;
  }

  get url(): string {
    return this.server.url;
  }

  /** Whom an admin may remove or add. */
  somebody(): Promise<Person> {
    return register(this.server.url, 'somebody');
  }

  /** An account that nobody has. */
  readonly newcomer = freshAccount;

  /** The id of a new entry in the owner's list. */
  async contact(): Promise<string> {
    const { id } = await this.somebody();
    const { body } = await this.owner.post('/contacts/add', { user_id: this.owner.id, contact_id: id }).expect(200);
    return body.id as string;
  }

  /** The id of an invitation that the owner has sent. */
  async invitation(email = freshAccount().email): Promise<string> {
    const { body } = await this.owner.post('/invitations/send', { inviter_email: this.owner.email, invitee_email: email }).expect(200);
    return body.invitation_id as string;
  }

  /** The id of a message from the friend to the owner, which waits. */
  async message(): Promise<string> {
    const envelope = { recipient_id: this.owner.id, encrypted_content: 'content', encrypted_session_key: 'key' };
    const { body } = await this.friend.post('/relay/send', envelope).expect(200);
    return body.message_id as string;
  }

  /** A file of the owner's, in a message to the friend. */
  async upload(): Promise<{ id: string; file_url: string; message_id: string }> {
    const { body } = await request(this.server.url)
      .post('/api/v1/media/upload')
      .set('Authorization', `Bearer ${this.owner.token}`)
      .attach('file', Buffer.from('hello'), { filename: 'notes.txt', contentType: 'text/plain' })
      .expect(200);
    const envelope = { recipient_id: this.friend.id, encrypted_content: 'content', encrypted_session_key: 'key' };
    const sent = await this.owner.post('/relay/send', { ...envelope, has_media: true, media_refs: [body] }).expect(200);
    return { id: body.id as string, file_url: body.file_url as string, message_id: sent.body.message_id as string };
  }

  /** What the owner has stored as a backup. */
  async keyBackup(): Promise<{ id: string; text: string }> {
    const text = freshAccount().username;
    await this.owner.post('/users/me/key-backup', { encrypted_private_key: text }).expect(200);
    const { body } = await this.owner.get('/users/me/key-backups').expect(200);
    return { id: (body as { id: string }[])[0]!.id, text };
  }

  /** The id of one that the owner was given at his registration. */
  async notification(): Promise<string> {
    let found: { id: string }[] = [];
    await until(async () => {
      const { body } = await this.owner.get('/notifications').expect(200);
      found = (body as { notifications: { id: string }[] }).notifications;
      return found.length > 0;
    });
    return found[0]!.id;
  }

  /** The id of a new group of the owner's, in which the friend is too. */
  async group(): Promise<string> {
    const { body } = await this.owner.post('/groups/create?name=theirs').expect(200);
    await this.owner.post(`/groups/add-member/${body.group_id}?user_id=${this.friend.id}`).expect(200);
    return body.group_id as string;
  }

  /** A message of the friend's in a new group of the owner's. */
  async groupMessage(): Promise<{ group_id: string; message_id: string }> {
    const group_id = await this.group();
    const { body } = await this.friend.post(`/groups/${group_id}/messages`, { encrypted_content: 'words' }).expect(200);
    return { group_id, message_id: body.message_id as string };
  }

  /** What another sign-in of the owner answers. */
  async signedIn(): Promise<{ session_id: string; refresh_token: string }> {
    const { email, password } = this.owner;
    const { body } = await request(this.server.url).post('/api/v1/auth/login').send({ email, password }).expect(200);
    return body as { session_id: string; refresh_token: string };
  }

  close(): Promise<void> {
    return this.accounts.end();
  }
}
