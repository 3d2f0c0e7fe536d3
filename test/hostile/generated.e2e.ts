import { setTimeout as pause } from 'node:timers/promises';
import { routesOf } from '@banyan/platform/edge/paths';
import { Client } from 'pg';
import { edgeContracts } from '../../apps/server/src/domains';
import { Random } from '../faults/random';
import { dropDatabases, freshEnvironment } from '../support/banyan';
import { type Person, register } from '../support/people';
import { ServerProcess } from '../support/server-process';
import { type Asked, type Document, Generator, Known } from './generated';
import { offenceOf } from './judge';
import { type Answer, send } from './raw-http';

jest.setTimeout(590_000);

const REQUESTS = Number(process.env['HOSTILE_REQUESTS'] ?? 10_000);
/** Says which requests are made; ids in them are those of the run. */
const SEED = Number(process.env['HOSTILE_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const AT_ONCE = 12;
/** So many later, whoever cannot sign in any more is replaced. */
const ROUND = 250;
/** Far longer than any deadline: this is no answer at all. */
const SILENCE_MS = 60_000;

let environment: Record<string, string>;
let server: ServerProcess;
let people: Person[];
let owner: Person | undefined;
let groupId: string;
let document: Document;

beforeAll(async () => {
  environment = freshEnvironment();
  server = await ServerProcess.start(environment);
  people = await Promise.all(['ada', 'ben'].map((name) => register(server.url, name)));
  await makeAdmin(people[0]!);
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document;
});

afterAll(async () => {
  await server?.remove();
  await dropDatabases(environment);
});

async function makeAdmin({ id }: Person): Promise<void> {
  const accounts = new Client(environment.AUTH_DATABASE_URL);
  await accounts.connect();
  await accounts.query(`UPDATE banyan_auth.users SET role = 'admin' WHERE id = $1`, [id]);
  await accounts.end();
}

const isSignedIn = async (person: Person) => (await person.get('/auth/me')).status === 200;

/**
 * Somebody who never asks has a group in which the others are admins. Requests may have ended their sessions, removed them, or taken them
 * out of the group: then there are others, and the ids that requests name are theirs.
 */
async function settle(lasting: Record<string, string[]>): Promise<void> {
  if (!owner || !(await isSignedIn(owner)) || (await owner.get(`/groups/${groupId}/members`)).status !== 200) {
    owner = await register(server.url, 'owner');
    groupId = (await owner.post('/groups/create?name=lasting').expect(200)).body.group_id as string;
  }
  for (const i of people.keys()) if (!(await isSignedIn(people[i]!)) || !(await isAdminOfGroup(people[i]!))) await replace(i);
  for (const name of PEOPLE_FIELDS) lasting[name] = [...people.map(({ id }) => id), owner.id];
  lasting['group_id'] = [groupId];
}

async function replace(i: number): Promise<void> {
  people[i] = await register(server.url, 'next');
  if (i === 0) await makeAdmin(people[i]!);
  expect(await isAdminOfGroup(people[i]!)).toBe(true);
}

/** As far as it is in the owner's hands. */
async function isAdminOfGroup({ id }: Person): Promise<boolean> {
  await owner!.post(`/groups/add-member/${groupId}?user_id=${id}`);
  return (await owner!.put(`/groups/${groupId}/members/${id}/role`, { role: 'admin' })).status === 200;
}

const PEOPLE_FIELDS = ['user_id', 'contact_id', 'recipient_id', 'sender_id', 'other_user_id', 'admin_id', 'new_user_id'];
/** What is his who asks, where a request may have to name him. */
const ownOf = ({ id, email }: Person) => ({ user_id: id, sender_id: id, admin_id: id, new_user_id: id, inviter_email: email, email });

const judged = new Map(
  routesOf(edgeContracts).flatMap(({ operation, binding }) => (binding.download ? [] : [[operation.name, operation]])),
);

function offence(asked: Asked, answer: Answer | undefined): string | undefined {
  if (!answer) return 'does not answer';
  // The path may be another operation's, and so is the answer then: its form is judged where it is known whose it is.
  const isSure = !/%2f|\/(\?|$)|\.\./i.test(asked.path);
  return offenceOf(answer, isSure ? judged.get(asked.operationId.replace(/\.\d+$/, '')) : undefined);
}

it(`${REQUESTS} requests out of the OpenAPI document, right, wrong and hostile: each answered properly (HOSTILE_SEED=${SEED})`, async () => {
  const lasting: Record<string, string[]> = {};
  const known = new Known(lasting);
  const generator = new Generator(document, known);
  const seeds = new Random(SEED);
  const statuses = new Map<string, Set<number>>();
  const offences: string[] = [];
  const ask = async (n: number, random: Random) => {
    const strangers = ['null', 'x.y.z'].map((token) => ({ token, own: {} }));
    const asked = generator.next(n, random, random.chance(0.1) ? strangers : people.map((who) => ({ token: who.token, own: ownOf(who) })));
    const answer = await Promise.race([send(server.url, asked), pause(SILENCE_MS, undefined, { ref: false })]);
    const found = offence(asked, answer);
    if (found) offences.push(`HOSTILE_SEED=${SEED} #${n} ${JSON.stringify(asked).slice(0, 2_000)}: ${found}`);
    statuses.set(asked.operationId, (statuses.get(asked.operationId) ?? new Set()).add(answer?.status ?? 0));
    if (answer?.status === 200 && answer.text.length < 100_000 && answer.headers['content-type']?.includes('json'))
      known.learn(JSON.parse(answer.text));
  };
  for (let round = 0; round < REQUESTS; round += ROUND) {
    await settle(lasting);
    let n = round;
    const work = async () => {
      while (n < Math.min(round + ROUND, REQUESTS)) await ask(n++, seeds.split());
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (offences.length > 20 || !server.isRunning) break;
  }
  expect(offences).toEqual([]);
  expect(server.isRunning).toBe(true);
  expect(server.output).not.toMatch(/unhandled|uncaught/i);
  await settle(lasting);
  // Otherwise the requests would not have reached what they are meant for.
  expect(statuses.size).toBe(generator.size);
  const neverServed = [...statuses].filter(([, codes]) => !codes.has(200)).map(([name]) => name);
  expect(neverServed.length < statuses.size / 2 || neverServed).toBe(true);
});
