import { checkSockets, type SentOnce } from '../faults/sockets';
import { withClient } from '../support/database';
import { Deployment } from '../support/deployment';
import { envelope, type Person, register } from '../support/people';
import { SocketClient } from '../support/socket-client';
import { until } from '../support/until';

/** Two workers serve the sockets; the host pipes. */
describe('the sockets of a process that ends', () => {
  let deployment: Deployment;
  let url: string;
  let ada: Person;
  let crowd: { person: Person; socket: SocketClient }[];
  let watching: SocketClient;

  beforeEach(async () => {
    deployment = await Deployment.start({ remote: { websocket: 1 }, workers: { websocket: 2 } });
    ({ url } = deployment);
    ada = await register(url);
    crowd = [];
    const people = await Promise.all(Array.from({ length: 8 }, () => register(url)));
    for (const person of people) await ada.post('/contacts/add', { user_id: ada.id, contact_id: person.id }).expect(200);
    // The watcher's own worker must survive: it sits at the second one.
    watching = await SocketClient.open(deployment.workers[1]!.process.url, ada);
    for (const person of people) crowd.push({ person, socket: await SocketClient.open(deployment.workers[0]!.process.url, person) });
    await until(async () => watching.of('user_online').length === crowd.length);
  });
  afterEach(() => deployment?.remove());

  it('killed: its users go offline, messages wait, and come once when they are back elsewhere', async () => {
    await deployment.workers[0]!.process.kill();
    await until(async () => crowd.every(({ socket }) => socket.closedWith === 1006));
    const [back, ...gone] = crowd;
    const sent = await Promise.all(crowd.map(({ person }) => ada.post('/relay/send', envelope(person)).expect(200)));
    const again = await SocketClient.open(url, back!.person);
    expect(again.of('relay_message').map(({ data }) => (data as { id: string }).id)).toEqual([sent[0]!.body.message_id]);
    await until(async () => gone.every(({ person }) => watching.of('user_offline').some(({ user_id }) => user_id === person.id)));
    expect(watching.of('user_offline').map(({ user_id }) => user_id)).not.toContain(back!.person.id);
    const { online_users } = await (await SocketClient.open(url, ada)).next('connection_established');
    expect(online_users).toEqual([back!.person.id]);
    for (const { person } of gone) {
      const { frames } = await SocketClient.open(url, person);
      expect(frames.map(({ type }) => type)).toEqual(['relay_message', 'connection_established']);
    }
  });

  it('stopped: they are told to come again, one after the other, and nobody is offline meanwhile', async () => {
    const stopping = deployment.workers[0]!.process.terminate();
    await until(async () => crowd.every(({ socket }) => socket.closedWith === 1012));
    const back = await Promise.all(crowd.map(({ person }) => SocketClient.open(url, person)));
    await stopping;
    await back[0]!.settled(crowd[0]!.person.id);
    expect(watching.of('user_offline')).toEqual([]);
  });
});

describe('sockets whose home is a worker', () => {
  let deployment: Deployment | undefined;
  afterEach(() => deployment?.remove());

  it('are piped to several; with one killed the others stay, and clients who come again miss nothing and get nothing twice', async () => {
    deployment = await Deployment.start({ remote: { websocket: 1 }, workers: { websocket: 2 } });
    const { url } = deployment;
    const people = await Promise.all(Array.from({ length: 12 }, () => register(url)));
    const first = await Promise.all(people.map((person) => SocketClient.open(url, person)));
    const sent: SentOnce[] = [];
    const writeToAll = async (from: Person) => {
      for (const to of people) {
        const draft = envelope(to);
        const { body } = await from.post('/relay/send', draft).expect(200);
        sent.push({ from: from.id, to: to.id, content: draft.encrypted_content, acceptedAs: body.message_id as string });
      }
    };
    const watched = new Map<SocketClient, Person>(first.map((socket, n) => [socket, people[n]!]));
    const writing = (async () => {
      for (const person of people.slice(0, 6)) await writeToAll(person);
    })();
    await deployment.workers[0]!.process.kill();
    await until(async () => first.some(({ closedWith }) => closedWith !== undefined));
    const again = await Promise.all(
      people.flatMap((person, n) =>
        first[n]!.closedWith === undefined ? [] : [SocketClient.open(url, person).then((socket) => ({ person, socket }))],
      ),
    );
    for (const { person, socket } of again) watched.set(socket, person);
    await writing;
    await writeToAll(people[6]!);
    expect(again.length).toBeGreaterThan(0);
    expect(again.length).toBeLessThan(people.length);
    const stored = await withClient(deployment.databaseUrl('message_db'), async (client) => {
      const { rows } = await client.query<{ id: string }>('SELECT id FROM banyan_message.messages');
      return new Set(rows.map(({ id }) => id));
    });
    const evidence = () => ({
      sent,
      stored,
      sockets: [...watched].map(([{ frames, closedWith }, { id: userId }], n) => ({
        name: `socket ${n}`,
        userId,
        frames,
        closedWith,
        mayClose: closedWith === 1006,
      })),
    });
    await until(async () => !checkSockets(evidence()).some((line) => line.startsWith('lost')));
    expect(checkSockets(evidence())).toEqual([]);
  });

  it('are served by the host while there is none', async () => {
    deployment = await Deployment.start({ remote: { websocket: 1 }, workers: { user: 1 } });
    const ada = await register(deployment.url);
    const socket = await SocketClient.open(deployment.url, ada);
    await socket.settled(ada.id);
    expect(socket.of('typing')).toHaveLength(1);
  });
});
