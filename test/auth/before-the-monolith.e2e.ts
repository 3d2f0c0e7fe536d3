import { once } from 'node:events';
import { variants } from '@banyan/migration/prepare/kinds';
import { WebSocket } from 'ws';
import request from 'supertest';
import { Deployment } from '../support/deployment';
import { freshAccount, PASSWORD } from '../support/people';
import { until } from '../support/until';

/** Accounts are new code's, everything else is still the monolith's, which looks at nothing but the signature of a token. */
describe.each(variants)('sessions before a monolith of the %s variant', (variant) => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await Deployment.start({ hosts: 2, legacy: { variant } });
    for (const domain of ['auth', 'user'] as const) await deployment.followed(await deployment.route(domain, { legacy: 0 }));
  });
  afterAll(() => deployment?.remove());

  const post = (path: string, body: object, token = '') =>
    request(deployment.url)
      .post(`/api/v1/auth${path}`)
      .set('Authorization', token && `Bearer ${token}`)
      .send(body);
  const begin = async () =>
    (await post('/register', freshAccount('guest')).expect(200)).body as Record<string, string> & { user: { id: string } };
  const groups = (url: string, token: string) => request(url).get('/api/v1/groups/').set('Authorization', `Bearer ${token}`);
  const open = async (url: string, userId: string, token: string) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/ws/${userId}?token=${token}`);
    const refused = once(socket, 'unexpected-response').then(([, answer]) => (answer as { statusCode: number }).statusCode);
    socket.on('error', () => undefined);
    const opened = once(socket, 'open').then(() => 101);
    return { socket, status: await Promise.race([opened, refused]) };
  };
  const closed = (socket: WebSocket) => once(socket, 'close').then(([code]) => code as number);

  it('a token that is signed out is good nowhere, the monolith included; its sockets are closed, on every host', async () => {
    const { access_token: token, refresh_token, user } = await begin();
    const urls = deployment.hosts.map(({ url }) => url);
    const sockets = [];
    for (const url of urls) {
      await groups(url, token!).expect(200);
      const { socket, status } = await open(url, user.id, token!);
      expect(status).toBe(101);
      sockets.push(socket);
    }
    const codes = Promise.all(sockets.map(closed));
    await post('/logout', {}, token).expect(200);
    expect(await codes).toEqual([1008, 1008]);
    for (const url of urls) {
      await until(async () => (await groups(url, token!)).status === 401);
      expect((await open(url, user.id, token!)).status).toBe(403);
    }
    await groups(deployment.legacy.url, token!).expect(200); // it would not have known
    await post('/refresh', { refresh_token }).expect(401);
  });

  it('one session ends, the sockets of another go on', async () => {
    const first = await begin();
    const { body: second } = await post('/login', { email: (first.user as unknown as { email: string }).email, password: PASSWORD }).expect(
      200,
    );
    const [ending, staying] = [
      await open(deployment.url, first.user.id, first.access_token!),
      await open(deployment.url, first.user.id, second.access_token as string),
    ];
    const code = closed(ending.socket);
    await request(deployment.url)
      .delete(`/api/v1/auth/sessions/${first.session_id}`)
      .set('Authorization', `Bearer ${second.access_token}`)
      .expect(200);
    expect(await code).toBe(1008);
    expect(staying.socket.readyState).toBe(WebSocket.OPEN);
    staying.socket.close();
  });

  it('the monolith’s own tokens are good here, and end by a changed password', async () => {
    const account = freshAccount('there');
    await request(deployment.legacy.url).post('/api/v1/auth/register').send(account).expect(200);
    const { body } = await request(deployment.legacy.url).post('/api/v1/auth/login').send(account).expect(200);
    const token = body.access_token as string;
    await request(deployment.url).get('/api/v1/auth/me').set('Authorization', `Bearer ${token}`).expect(200);
    await groups(deployment.url, token).expect(200);
    const changed = await post('/password/change', { current_password: PASSWORD, new_password: 'better-horse-2' }, token).expect(200);
    await request(deployment.url).get('/api/v1/auth/me').set('Authorization', `Bearer ${token}`).expect(401);
    await groups(deployment.url, token).expect(401);
    await groups(deployment.url, changed.body.access_token as string).expect(200);
    await request(deployment.legacy.url).post('/api/v1/auth/login').send({ email: account.email, password: 'better-horse-2' }).expect(200);
    await request(deployment.legacy.url).post('/api/v1/auth/login').send(account).expect(401);
  });

  it('somebody who is removed is removed there, and his address is free on both sides', async () => {
    const account = freshAccount('gone');
    const { body } = await post('/register', account).expect(200);
    await groups(deployment.url, body.access_token as string).expect(200);
    await request(deployment.url)
      .delete('/api/v1/auth/me')
      .set('Authorization', `Bearer ${body.access_token}`)
      .send({ password: PASSWORD })
      .expect(200);
    await request(deployment.legacy.url).post('/api/v1/auth/login').send(account).expect(401);
    await request(deployment.legacy.url).post('/api/v1/auth/register').send(account).expect(200);
  });

  it('what the monolith has no counterpart for goes there only as long as it has everything', async () => {
    await deployment.followed(await deployment.route('auth', { legacy: 0.9 }));
    for (let i = 0; i < 5; i++) await post('/refresh', { refresh_token: 'x' }).expect(401);
    await deployment.followed(await deployment.route('auth', { legacy: 1 }));
    await post('/refresh', { refresh_token: 'x' }).expect(404);
  });
});
