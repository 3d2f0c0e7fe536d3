#!/usr/bin/env node
/**
 * What HTTP cannot do, for run-cases.mjs against the stand-in: `hook.mjs <name> DATABASE_URL`, with the case's arguments in the environment.
 *
 *     promote_admin    makes HOOK_EMAIL an administrator
 *     invite_token     prints the token of the newest invitation of HOOK_EMAIL
 */
import pg from 'pg';

const statements = {
  promote_admin: `UPDATE users SET role = 'admin' WHERE email = $1 RETURNING id AS value`,
  invite_token: 'SELECT invitation_token AS value FROM invitations WHERE invitee_email = $1 ORDER BY created_at DESC LIMIT 1',
};

const [name, connectionString] = process.argv.slice(2);
const client = new pg.Client({ connectionString });
await client.connect();
const { rows } = await client.query(statements[name], [process.env.HOOK_EMAIL]);
await client.end();
if (rows.length !== 1) throw new Error(`${name}: nobody has ${process.env.HOOK_EMAIL}`);
console.log(rows[0].value);
