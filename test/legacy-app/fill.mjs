#!/usr/bin/env node
/**
 * Fills a legacy database and prints what is in it:
 *
 *     node test/legacy-app/fill.mjs DATABASE_URL --users 100000 --messages 2000000 --seed 1 [--variant bytea]
 *
 * The URL is a superuser's. An empty database gets legacy's tables first, of the variant `text` unless told otherwise.
 */
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import pg from 'pg';
import '../support/typescript.mjs';

const require = createRequire(import.meta.url);
const { fillLegacy } = require('./fill-legacy.ts');
const { createLegacyTables } = require('../legacy/legacy-database.ts');

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    users: { type: 'string', default: '1000' },
    messages: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    variant: { type: 'string', default: 'text' },
  },
});
const [connectionString] = positionals;
if (!connectionString || !['text', 'bytea'].includes(values.variant)) {
  console.error('usage: fill.mjs DATABASE_URL [--users N] [--messages N] [--seed N] [--variant text|bytea]');
  process.exit(2);
}

const client = new pg.Client({ connectionString });
await client.connect();
const { rows } = await client.query("SELECT to_regclass('users') IS NOT NULL AS exists");
if (!rows[0].exists) await createLegacyTables(client, values.variant);
const startedAt = performance.now();
const report = await fillLegacy(client, {
  users: Number(values.users),
  messages: Number(values.messages),
  seed: Number(values.seed),
});
await client.end();
console.log(JSON.stringify({ ...report, seconds: Math.round((performance.now() - startedAt) / 1000) }, null, 2));
