import { resolve } from 'node:path';
import { usesOwnServers } from '@banyan/platform/config/databases';
import type { Settings } from '@banyan/platform/config/table';

/** Where things are, and three commands to try. */
export function banner(settings: Settings, url: string, startedInMs: number): string {
  const who = `${url}/api/v1`;
  if (!settings.SERVE.edge)
    return `\nBanyan serves ${settings.SERVE.domains.join(', ')}; probes at ${url}/livez, ${url}/readyz, ${url}/metrics\n\n`;
  return `
Banyan is up (${(startedInMs / 1000).toFixed(1)} s).
  API    ${who}
  Docs   ${url}/docs
  Data   ${usesOwnServers(settings) ? 'on the servers of your settings' : resolve(settings.DATA_DIR)}

Try it, in another terminal:
  curl -s ${who}/auth/register -H 'content-type: application/json' -d '{"email":"ada@example.com","username":"ada","password":"correct-horse-1"}'
  TOKEN=$(curl -s ${who}/auth/login -H 'content-type: application/json' -d '{"email":"ada@example.com","password":"correct-horse-1"}' | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
  curl -s ${who}/auth/me -H "authorization: Bearer $TOKEN"

Ctrl-C stops it.
`;
}
