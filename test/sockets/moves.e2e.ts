import { randomUUID } from 'node:crypto';
import { type DomainName, domainNames, isInLegacy } from '@banyan/domains';
import { Random } from '../faults/random';
import { checkSockets, type SentOnce } from '../faults/sockets';
import { withClient } from '../support/database';
import { Deployment } from '../support/deployment';
import { envelope, type Person, register } from '../support/people';
import { SocketClient } from '../support/socket-client';
import { until } from '../support/until';

jest.setTimeout(600_000);

/** With TEST_MATRIX=all what is meant; else what a busy machine does in a minute. */
const isFull = process.env['TEST_MATRIX'] === 'all';
const sizeOf = (name: string, full: number, small: number) => Number(process.env[`SOCKETS_${name}`] ?? (isFull ? full : small));
const SOCKETS = sizeOf('COUNT', 1_000, 200);
const MOVES = sizeOf('MOVES', 20, 4);
const RESTARTS = sizeOf('RESTARTS', 2, 1);
const USERS = 40;

const movable = domainNames.filter(isInLegacy);
/** Whose work services do as well. */
const SERVED: readonly DomainName[] = ['websocket', 'relay', 'message'];

let deployment: Deployment;

beforeAll(async () => {
  deployment = await Deployment.start({
    legacy: { variant: 'text' },
    workers: Object.fromEntries(SERVED.map((domain) => [domain, 1])),
  });
});

afterAll(() => deployment?.remove());

describe(`${SOCKETS} sockets, opened while everything is at the monolith`, () => {
  it(`stay open through ${MOVES} moves of every domain and ${RESTARTS} restarts of the monolith; nothing is lost or comes twice`, async () => {
    const random = new Random(6);
    const people: Person[] = [];
    for (let n = 0; n < USERS; n += 10) people.push(...(await Promise.all(Array.from({ length: 10 }, () => register(deployment.url)))));
    const sockets: { person: Person; socket: SocketClient }[] = [];
    const open = async (count: number) => {
      const opened = Array.from({ length: count }, (_, n) => people[(sockets.length + n) % USERS]!);
      sockets.push(
        ...(await Promise.all(opened.map(async (person) => ({ person, socket: await SocketClient.open(deployment.url, person) })))),
      );
    };
    while (sockets.length < SOCKETS) await open(Math.min(20, SOCKETS - sockets.length));

    const sent: SentOnce[] = [];
    const said: string[] = [];
    const failures: unknown[] = [];
    /** Over HTTP to one, on a socket to another. */
    const write = async (isMonolithUp: boolean) => {
      const [from, to, other] = [random.of(people), random.of(people), random.of(people)];
      const content = randomUUID();
      const { status, body } = await from.post('/relay/send', envelope(to, content));
      sent.push({ from: from.id, to: to.id, content, acceptedAs: status === 200 ? (body.message_id as string) : undefined });
      if (status !== 200 && isMonolithUp) failures.push({ status, body: body as unknown });
      const { person, socket } = random.of(sockets);
      const id = randomUUID();
      sent.push({ from: person.id, to: other.id, content: id });
      socket.say('message', { recipient_id: other.id, message_id: id, encrypted_content: id });
      said.push(id);
    };
    const move = async () => {
      const domain = random.of(movable);
      const legacy = random.of([0, 0.5, 1]);
      const remote = SERVED.includes(domain) ? (1 - legacy) * random.of([0, 0.5, 1]) : 0;
      await deployment.route(domain, { legacy, remote });
    };
    const steps = Array.from({ length: MOVES * movable.length }, () => move);
    for (const [n, step] of steps.entries()) {
      await step();
      await Promise.all([write(true), write(true)]);
      if ((n + 1) % Math.ceil(steps.length / (RESTARTS + 1)) !== 0) continue;
      await deployment.legacy.kill();
      await Promise.all([write(false), write(false)]);
      await deployment.legacy.startAgain();
    }
    let version = 0;
    for (const domain of movable) version = await deployment.route(domain, {});
    await deployment.followed(version);
    await until(async () => {
      const last = await Promise.all(people.map((person) => person.get('/relay/pending')));
      return last.every(({ status }) => status === 200);
    });
    // Frames of one socket are handled one after the other: what was said before this has been dealt with, wherever it went.
    await Promise.all(sockets.map(({ person, socket }) => socket.settled(person.id)));

    const stored = await storedIds();
    const expected = sent.filter(({ acceptedAs }) => acceptedAs !== undefined);
    await until(async () =>
      expected.every(({ to, acceptedAs }) =>
        sockets.every(({ person, socket }) => person.id !== to || socket.closedWith !== undefined || hasShown(socket, acceptedAs!)),
      ),
    );
    const watched = sockets.map(({ person, socket: { frames, closedWith } }, n) => ({
      name: `socket ${n}`,
      userId: person.id,
      frames,
      closedWith,
    }));
    expect(checkSockets({ sent, sockets: watched, stored })).toEqual([]);
    expect(failures).toEqual([]);
    expect(said.filter((id) => stored.has(id)).length).toBeGreaterThan(said.length / 2);
  });
});

const hasShown = (socket: SocketClient, id: string) => socket.of('relay_message').some(({ data }) => (data as { id: string }).id === id);

function storedIds(): Promise<Set<string>> {
  return withClient(deployment.databaseUrl('message_db'), async (client) => {
    const { rows } = await client.query<{ id: string }>('SELECT id FROM messages');
    return new Set(rows.map(({ id }) => id));
  });
}
