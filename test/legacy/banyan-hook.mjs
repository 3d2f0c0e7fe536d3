#!/usr/bin/env node
/**
 * What HTTP cannot do, for run-cases.mjs: `banyan-hook.mjs <name> <settings>`, with the case's arguments in the environment. The settings
 * are those of a running server, base64 of JSON.
 *
 *     promote_admin    makes HOOK_EMAIL an administrator
 *     invite_token     prints the secret in the mail of HOOK_EMAIL's newest invitation
 */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { HOOK_EMAIL: email } = process.env;
const [name, settings] = process.argv.slice(2);
const environment = JSON.parse(Buffer.from(settings, 'base64').toString());
const dist = createRequire(join(import.meta.dirname, '../../dist/'));

const hooks = {
  promote_admin() {
    const program = join(import.meta.dirname, '../../apps/cli/banyan.mjs');
    const env = { PATH: process.env.PATH, ...environment };
    const { status, stderr } = spawnSync(process.execPath, [program, 'user', 'make-admin', email], {
      cwd: tmpdir(),
      env,
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    return email;
  },

  /** As the mail would have it: from the row and the server's secret. */
  async invite_token() {
    const { withDomainDatabase } = dist('./apps/cli/src/databases.js');
    const { loadSettings } = dist('./libs/platform/src/config/settings.js');
    const { jwtSecret } = dist('./libs/platform/src/config/jwt-secret.js');
    const { InvitationTokens } = dist('./libs/user/src/invitation-tokens.js');
    const loaded = loadSettings(environment);
    const text = 'SELECT id, invitation_token FROM banyan_user.invitations WHERE invitee_email = $1 ORDER BY created_at DESC LIMIT 1';
    const [row] = await withDomainDatabase(loaded, 'user', (database) => database.query({ name: 'newest', text, values: [email] }));
    return new InvitationTokens(await jwtSecret(loaded)).reveal(row.id, row.invitation_token);
  },
};

console.log(await hooks[name]());
