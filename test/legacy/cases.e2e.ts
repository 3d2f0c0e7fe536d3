import { type Variant, variants } from '@banyan/migration/prepare/kinds';
import { startTestServer } from '../support/banyan';
import { startOnLegacy } from '../support/legacy-server';
import { type Placement, placements, startPlaced, strayed } from '../support/placements';
import { ServerProcess } from '../support/server-process';
import { banyanHooks } from './banyan-hooks';
import { playCases } from './play-cases';
import { homelessCases, servedCases } from './sections';

interface StartedServer {
  readonly url: string;
  /** What a command line beside it has to know. */
  readonly environment: Readonly<Record<string, string>>;
  /** Calls that were made elsewhere than its name says. */
  strayed?(): Promise<string[]>;
  stop(): Promise<void>;
}

/** As `npm start` on a fresh clone: its own process, its own folder, the PostgreSQL from npm, nothing else. */
async function embedded(): Promise<StartedServer> {
  const server = await ServerProcess.start({ JWT_SECRET_KEY: undefined });
  return { url: server.url, environment: { DATA_DIR: server.dataDir }, stop: () => server.remove() };
}

async function withRedis(): Promise<StartedServer> {
  const server = await startTestServer({ redis: true });
  return { url: server.url, environment: server.environment, stop: () => server.close() };
}

async function placed(placement: Placement): Promise<StartedServer> {
  const deployment = await startPlaced(placement);
  return {
    url: deployment.url,
    environment: deployment.environment,
    strayed: () => strayed(deployment, placement),
    stop: () => deployment.remove(),
  };
}

async function onLegacy(variant: Variant): Promise<StartedServer> {
  const started = await startOnLegacy(variant, { redis: true });
  return { url: started.url, environment: started.server.environment, stop: () => started.close() };
}

it('every recorded case belongs to a section', () => {
  expect(homelessCases).toEqual([]);
});

describe.each<[string, () => Promise<StartedServer>]>([
  ['the embedded default', embedded],
  ['PostgreSQL and Redis', withRedis],
  ...variants.map((variant): [string, () => Promise<StartedServer>] => [`the legacy database (${variant})`, () => onLegacy(variant)]),
  ...placements.map((placement): [string, () => Promise<StartedServer>] => [placement.name, () => placed(placement)]),
])('the legacy contract on %s', (_name, start) => {
  let server: StartedServer | undefined;
  let outcomes: string[];

  beforeAll(async () => {
    server = await start();
    outcomes = await playCases(server.url, servedCases, { hooks: banyanHooks(server.environment) });
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
