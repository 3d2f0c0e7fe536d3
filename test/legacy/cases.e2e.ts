import { startTestServer } from '../support/banyan';
import { type Placement, placements, startPlaced, strayed } from '../support/placements';
import { ServerProcess } from '../support/server-process';
import { playCases } from './play-cases';
import { homelessCases, servedCases } from './sections';

interface StartedServer {
  readonly url: string;
  /** Calls that were made elsewhere than its name says. */
  strayed?(): Promise<string[]>;
  stop(): Promise<void>;
}

/** As `npm start` on a fresh clone: its own process, its own folder, the PostgreSQL from npm, nothing else. */
async function embedded(): Promise<StartedServer> {
  const server = await ServerProcess.start({ JWT_SECRET_KEY: undefined });
  return { url: server.url, stop: () => server.remove() };
}

async function withRedis(): Promise<StartedServer> {
  const server = await startTestServer({ redis: true });
  return { url: server.url, stop: () => server.close() };
}

async function placed(placement: Placement): Promise<StartedServer> {
  const deployment = await startPlaced(placement);
  return {
    url: deployment.url,
    strayed: () => strayed(deployment, placement),
    stop: () => deployment.remove(),
  };
}

it('every recorded case belongs to a section', () => {
  expect(homelessCases).toEqual([]);
});

describe.each<[string, () => Promise<StartedServer>]>([
  ['the embedded default', embedded],
  ['PostgreSQL and Redis', withRedis],
  ...placements.map((placement): [string, () => Promise<StartedServer>] => [placement.name, () => placed(placement)]),
])('the legacy contract on %s', (_name, start) => {
  let server: StartedServer | undefined;
  let outcomes: string[];

  beforeAll(async () => {
    server = await start();
    outcomes = await playCases(server.url, servedCases);
  });

  afterAll(() => server?.stop());

  it('has been judged case by case', async () => {
    expect(outcomes).toHaveLength(servedCases.length);
    expect(await server!.strayed?.()).toEqual(server!.strayed && []);
  });

  it.each(servedCases.map(({ name }, i) => [name, i] as const))('%s', (_case, i) => {
    expect(outcomes[i]).toBe('ok');
  });
});
