import { join } from 'node:path';

/** What run-cases.mjs needs beside HTTP, for a stand-in that works on this database. */
export function caseHooks(databaseUrl: string): Record<'promote_admin' | 'invite_token', string> {
  const command = (name: string) => `'${process.execPath}' '${join(__dirname, 'hook.mjs')}' ${name} '${databaseUrl}'`;
  return { promote_admin: command('promote_admin'), invite_token: command('invite_token') };
}
