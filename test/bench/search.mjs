/** Finding people by a part of their address, among many; and what the indexes for it cost whoever writes. */
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import pg from 'pg';

import { root } from '../../apps/server/install.mjs';
import { median, number, printTable, quantile } from './figures.mjs';

const DATABASES = { own: 'bench_search', legacy: 'bench_search_legacy' };

/** What somebody types. Names and domains are drawn unevenly, as they are in life. */
const TEXTS = {
  'a whole address': (n) => address(n),
  'a rare part (the number in an address)': (n) => `.${n}@`,
  'a name that one in 2,000 has': (n) => `${FIRST[n % 20]}.${LAST[(n * 7) % 100]}`,
  'a name that one in 20 has': (n) => FIRST[n % 20],
  'what everybody has (@example.)': () => '@example.',
  'one letter': (n) => FIRST[n % 20][0],
  'two letters': (n) => FIRST[n % 20].slice(0, 2),
  'nobody’s': (n) => `zq${n}xj`,
  'no letter at all (%_%)': () => '%_%',
};
const FIRST = 'ada ben carla dmitri elena farid greta hiro ines jamal kofi lucia mei nadia omar priya quinn rosa sven tariq'.split(' ');
const LAST = Array.from({ length: 100 }, (_, n) => `${FIRST[(n * 3) % 20]}${['son', 'ova', 'ez', 'man', 'ski'][n % 5]}`);
const address = (n) => `${FIRST[n % 20]}.${LAST[Math.floor(n / 20) % 100]}.${n}@example.${['com', 'org', 'net', 'co.uk'][n % 4]}`;
/** The same in SQL, of `n`. */
const ADDRESS = `(ARRAY['${FIRST.join(`','`)}'])[1 + n % 20] || '.' || (ARRAY['${LAST.join(`','`)}'])[1 + n / 20 % 100] || '.' || n || '@example.' || (ARRAY['com','org','net','co.uk'])[1 + n % 4]`;

export async function measureSearch({ servers: { DATABASE_URL: serverUrl } }, { users, searches, inserts }) {
  const require = createRequire(join(root, 'dist/package.json'));
  const { prepareDatabase } = require('./libs/platform/src/database/migrate.js');
  const { openDataSource } = require('./libs/platform/src/database/data-source.js');
  const { Database } = require('./libs/platform/src/database/database.js');
  const { migrations } = require('./migrations/registry.js');
  const { prepareLegacy } = require('./libs/migration/src/prepare/prepare.js');
  const { makeSideTables } = require('./libs/migration/src/prepare/side.js');
  const { legacySql } = require('./libs/migration/src/prepare/script.js');
  const { UserStore } = require('./libs/user/src/user.store.js');

  const ofLegacy = legacySql('text')
    .flatMap(({ indexes }) => indexes)
    .filter(({ name }) => /trigrams|beginning/.test(name));
  const homes = {
    'own database': {
      name: DATABASES.own,
      table: 'banyan_user.user_profiles',
      make: (url) => prepareDatabase({ url, schema: 'banyan_user', role: 'banyan_user', histories: migrations.user }),
      columns: 'id, email, username',
      values: (email, username) => `gen_random_uuid(), ${email}, ${username}`,
      indexes: [
        {
          name: 'banyan_user.user_profiles_trigrams',
          sql: 'CREATE INDEX user_profiles_trigrams ON banyan_user.user_profiles USING gin (banyan_user.trigrams_of(lower(email)))',
        },
        {
          name: 'banyan_user.user_profiles_beginning',
          sql: 'CREATE INDEX user_profiles_beginning ON banyan_user.user_profiles (lower(email) text_pattern_ops)',
        },
      ],
    },
    'the monolith’s': {
      name: DATABASES.legacy,
      table: 'public.users',
      make: async (url, client) => {
        await client.query(readFileSync(join(root, 'test/legacy/schema.sql'), 'utf8'));
        await prepareLegacy(client);
        await makeSideTables(url);
      },
      columns: 'id, email, username, password_hash, public_keys',
      values: (email, username) => `gen_random_uuid(), ${email}, ${username}, 'none', '[]'`,
      indexes: ofLegacy.map(({ name, sql }) => ({ name: `public.${name}`, sql })),
    },
  };
  const found = {};
  const costs = [];
  for (const [title, home] of Object.entries(homes)) {
    console.log(`\nSearching among ${number(users)}, ${title} …`);
    const url = await freshDatabase(serverUrl, home.name);
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await home.make(url, client);
      for (const { name } of home.indexes) await client.query(`DROP INDEX ${name}`);
      await client.query(
        `INSERT INTO ${home.table} (${home.columns}) SELECT ${home.values(ADDRESS, `'user' || n`)} FROM generate_series(0, ${users - 1}) n`,
      );
      await client.query(`VACUUM ANALYZE ${home.table}`);
      const without = await timeInserts(client, home, inserts);
      for (const { name, sql } of home.indexes) {
        const started = performance.now();
        await client.query(sql);
        const seconds = (performance.now() - started) / 1000;
        const { rows } = await client.query('SELECT pg_relation_size($1::regclass) AS size', [name]);
        costs.push([`${title}: ${name.split('.')[1]}`, `${number(seconds, 1)} s`, `${number(Number(rows[0].size) / 2 ** 20)} MB`]);
      }
      await client.query(`VACUUM ANALYZE ${home.table}`);
      const withThem = await timeInserts(client, home, inserts);
      costs.push([`${title}: a new row, µs, without them and with them`, number(without), number(withThem)]);
      const source = await openDataSource({
        url,
        schema: 'banyan_user',
        role: 'banyan_user',
        poolSize: 1,
        applicationName: 'banyan bench',
      });
      try {
        const store = new UserStore(new Database(() => source));
        const step = Math.floor(users / searches);
        for (const [kind, text] of Object.entries(TEXTS)) {
          const times = await timed(searches, (n) => store.search(randomUUID(), text(n * step + 1), 10));
          // What a scan takes; only its order matters, so it is asked seldom.
          const scans = await timed(5, (n) =>
            client.query('SELECT id FROM banyan_user.user_profiles WHERE position(lower($1) IN lower(email)) > 0 ORDER BY email LIMIT 10', [
              text(n * step + 1),
            ]),
          );
          (found[kind] ??= []).push(number(median(times), 2), number(quantile(times, 0.99), 2), number(median(scans), 1));
        }
      } finally {
        await source.destroy();
      }
    } finally {
      await client.end();
      await dropDatabase(serverUrl, home.name);
    }
  }
  printTable(
    `Searching among ${number(users)} users, ms; beside a scan of all, sorted by address`,
    ['', ...Object.keys(homes).flatMap((title) => [`${title}: median`, 'p99', 'scan'])],
    Object.entries(found).map(([kind, figures]) => [kind, ...figures]),
  );
  printTable('What the indexes of the search cost', ['', 'to build, or without', 'size, or with'], costs);
}

async function timed(count, work) {
  for (let n = 0; n < Math.min(3, count); n++) await work(n); // warms up
  const times = [];
  for (let n = 0; n < count; n++) {
    const started = performance.now();
    await work(n);
    times.push(performance.now() - started);
  }
  return times;
}

/** One row a statement, asynchronous commit: what an index adds would vanish behind a disk. @returns µs a row */
async function timeInserts(client, { table, columns, values }, count) {
  await client.query('SET synchronous_commit = off');
  const times = [];
  for (let n = 0; n < count; n++) {
    const name = `${FIRST[n % 20]}.${randomUUID()}`;
    const started = performance.now();
    await client.query({
      name: 'insert',
      text: `INSERT INTO ${table} (${columns}) VALUES (${values('$1::text', '$2::text')})`,
      values: [`${name}@example.com`, name],
    });
    times.push((performance.now() - started) * 1000);
  }
  await client.query('RESET synchronous_commit');
  return median(times);
}

async function freshDatabase(serverUrl, name) {
  await dropDatabase(serverUrl, name);
  await onServer(serverUrl, `CREATE DATABASE ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

const dropDatabase = (serverUrl, name) => onServer(serverUrl, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);

async function onServer(serverUrl, sql) {
  const url = new URL(serverUrl);
  url.pathname = '/postgres';
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  await client.query(sql).finally(() => client.end());
}
