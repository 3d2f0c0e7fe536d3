import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { variants } from '@banyan/migration/prepare/kinds';
import { banyanHooks } from '../legacy/banyan-hooks';
import { freshBucket, startTestServer } from '../support/banyan';
import { startOnLegacy } from '../support/legacy-server';
import { placements, startPlaced } from '../support/placements';

/** The web client's own origin: not the API's. */
export const PAGE_ORIGIN = 'https://chat.example';

/** A server that the web client's requests and frames go to. */
export interface Home {
  readonly url: string;
  /** What HTTP cannot do: `promote_admin` makes somebody an admin, `invite_token` tells the secret that was mailed to him. */
  hook(name: 'promote_admin' | 'invite_token', email: string): Promise<string>;
  stop(): Promise<void>;
}

const SETTINGS = { CORS_ORIGINS: PAGE_ORIGIN };

function home(url: string, environment: Readonly<Record<string, string>>, stop: () => Promise<void>): Home {
  const hooks = banyanHooks(environment);
  const hook = async (name: keyof typeof hooks, email: string) =>
    (await promisify(execFile)('sh', ['-c', hooks[name]], { env: { ...process.env, HOOK_EMAIL: email } })).stdout.trim();
  return { url, hook, stop };
}

/** Own data and the monolith's, all in one process and each domain in its own. */
export const homes: readonly [string, () => Promise<Home>][] = [
  [
    'one process',
    async () => {
      const server = await startTestServer({ environment: SETTINGS });
      return home(server.url, server.environment, () => server.close());
    },
  ],
  ...variants.map((variant): [string, () => Promise<Home>] => [
    `the legacy database (${variant})`,
    async () => {
      const { url, server, close } = await startOnLegacy(variant, { environment: SETTINGS });
      return home(url, server.environment, close);
    },
  ]),
  ...placements.map((placement): [string, () => Promise<Home>] => [
    placement.name,
    async () => {
      const deployment = await startPlaced(placement, { ...SETTINGS, ...freshBucket() });
      return home(deployment.url, deployment.environment, () => deployment.remove());
    },
  ]),
];
