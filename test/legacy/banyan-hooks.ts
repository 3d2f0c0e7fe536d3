import { join } from 'node:path';

/** What run-cases.mjs needs beside HTTP, for a server with these settings. */
export function banyanHooks(environment: Readonly<Record<string, string>>): Record<'promote_admin' | 'invite_token', string> {
  const settings = Buffer.from(JSON.stringify(environment)).toString('base64');
  const command = (name: string) => `'${process.execPath}' '${join(__dirname, 'banyan-hook.mjs')}' ${name} '${settings}'`;
  return { promote_admin: command('promote_admin'), invite_token: command('invite_token') };
}
