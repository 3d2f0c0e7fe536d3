import { randomUUID } from 'node:crypto';
import request, { type Test } from 'supertest';

/** Somebody with an account and one device that is signed in. */
export interface Person {
  readonly id: string;
  readonly email: string;
  readonly password: string;
  readonly token: string;
  get(path: string): Test;
  post(path: string, body?: object): Test;
  put(path: string, body?: object): Test;
  patch(path: string, body?: object): Test;
  delete(path: string): Test;
}

export const PASSWORD = 'correct-horse-1';

/** What an account needs, taken by nobody. */
export function freshAccount(name = 'someone') {
  const username = `${name}-${randomUUID().slice(0, 13)}`;
  return { email: `${username}@example.com`, username, password: PASSWORD };
}

/** Registers; `url` is a server's, with or without a path behind it. */
export async function register(url: string, name?: string): Promise<Person> {
  const account = freshAccount(name);
  const { body } = await request(url).post('/api/v1/auth/register').send(account).expect(200);
  return person(url, { ...account, id: body.user.id as string, token: body.access_token as string });
}

/** The same person on another device. */
export async function signIn(url: string, { email, password }: { email: string; password: string }): Promise<Person> {
  const { body } = await request(url).post('/api/v1/auth/login').send({ email, password }).expect(200);
  return person(url, { email, password, id: body.user.id as string, token: body.access_token as string });
}

function person(url: string, who: Pick<Person, 'id' | 'email' | 'password' | 'token'>): Person {
  const as = (test: Test) => test.set('Authorization', `Bearer ${who.token}`);
  const api = `${url}/api/v1`;
  return {
    ...who,
    get: (path) => as(request(api).get(path)),
    post: (path, body) => as(request(api).post(path)).send(body),
    put: (path, body) => as(request(api).put(path)).send(body),
    patch: (path, body) => as(request(api).patch(path)).send(body),
    delete: (path) => as(request(api).delete(path)),
  };
}

/** The least that `POST /relay/send` takes; each one another text. */
export function envelope(recipient: Person, text: string = randomUUID()) {
  return { recipient_id: recipient.id, encrypted_content: text, encrypted_session_key: `key of ${text}` };
}
