import { randomUUID } from 'node:crypto';
import { type DomainEntry, type DomainName, domains } from '@banyan/domains';
import { type Variant, variants } from '@banyan/migration/prepare/kinds';
import { prepareLegacy } from '@banyan/migration/prepare/prepare';
import { openDataSource } from '@banyan/platform/database/data-source';
import { Database } from '@banyan/platform/database/database';
import { prepareDatabase } from '@banyan/platform/database/migrate';
import { Databases } from '@banyan/platform/nest/databases';
import { Client, Pool } from 'pg';
import type { DataSource } from 'typeorm';
import { migrations } from '../../migrations/registry';
import { makeLegacyDatabase } from '../legacy/legacy-database';
import { serverUrl, withClient } from './database';

export type DomainWithData = 'auth' | 'user' | 'message' | 'group' | 'media' | 'notification';

/** Where a domain's data can be, as it is there when the domain starts to work: empty, and migrated. */
export interface DataHome {
  readonly isLegacy: boolean;
  /** `Database`, `Outbox` and `Inbox` of each domain that was asked for, in the role of the domain. */
  readonly databases: Databases;
  /** On pools of its own, as in another process. */
  another(domain: DomainWithData): Promise<Database>;
  /** SQL past everything under test, with every right. On the legacy data home `users` and `messages` are legacy's own tables. */
  admin<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>;
  /** A connection in the role of a domain. */
  client(domain: DomainWithData): Promise<Client>;
  /** Somebody with an account and a profile, as far as this home has them. */
  addUser(): Promise<string>;
  close(): Promise<void>;
}

interface Place {
  readonly url: string;
  readonly isLegacy: boolean;
  addUser(admin: Pool): Promise<string>;
  drop(): Promise<void>;
}

const insertUser = (table: string, columns: string, values: string) => async (admin: Pool) => {
  const id = randomUUID();
  await admin.query(`INSERT INTO ${table} (id, email, username, ${columns}) VALUES ($1, $2, $3, ${values})`, [
    id,
    `${id}@example.com`,
    `user ${id}`,
  ]);
  return id;
};

/** One database of ours with the schemas of these domains: they cannot tell whether others are beside them. */
async function makeOwn(names: readonly DomainWithData[]): Promise<Place> {
  const url = new URL(serverUrl());
  url.pathname = `/home_${randomUUID().replaceAll('-', '').slice(0, 20)}`;
  for (const name of names) {
    const { schema } = domains[name];
    await prepareDatabase({ url: url.href, schema, role: schema, histories: migrations[name]! });
  }
  return {
    url: url.href,
    isLegacy: false,
    addUser: names.includes('user') ? insertUser('banyan_user.user_profiles', 'public_keys', `'[]'`) : () => Promise.resolve(randomUUID()),
    drop: () => withClient(serverUrl(), async (client) => void (await client.query(`DROP DATABASE ${url.pathname.slice(1)} WITH (FORCE)`))),
  };
}

/** Legacy's database, prepared, with the side tables of these domains. */
const makeLegacy =
  (variant: Variant) =>
  async (names: readonly DomainWithData[]): Promise<Place> => {
    const database = await makeLegacyDatabase(variant);
    await prepareLegacy(await database.connect());
    for (const name of names) {
      const { schema } = domains[name];
      await prepareDatabase({ url: database.url, schema, role: schema, histories: { side: migrations[name]!.side } });
    }
    return {
      url: database.url,
      isLegacy: true,
      addUser: insertUser(
        'public.users',
        'password_hash, public_keys, is_active, is_verified, created_at',
        `'$2b$12$x', '[]', true, false, timezone('UTC', now())`,
      ),
      drop: () => database.drop(),
    };
  };

async function openHome(place: Place, names: readonly DomainWithData[]): Promise<DataHome> {
  const sources: DataSource[] = [];
  const clients: Client[] = [];
  const open = async (domain: DomainName) => {
    const { schema } = domains[domain] as DomainEntry as { schema: string };
    const source = await openDataSource({ url: place.url, schema, role: schema, poolSize: 8, applicationName: `spec of ${domain}` });
    sources.push(source);
    return () => source;
  };
  const connect = async (role: string) => {
    const client = new Client({ connectionString: place.url, options: `-c role=${role} -c search_path=${role}` });
    await client.connect();
    clients.push(client);
    return client;
  };
  const databases = new Databases();
  for (const name of names) databases.add(name, await open(name), { isLegacy: () => place.isLegacy });
  const admin = new Pool({ connectionString: place.url, max: 4 });
  return {
    isLegacy: place.isLegacy,
    databases,
    another: async (domain) => new Database(await open(domain)),
    admin: async <Row>(text: string, values: readonly unknown[] = []) => (await admin.query(text, [...values])).rows as Row[],
    client: (domain) => connect(domains[domain].schema),
    addUser: () => place.addUser(admin),
    close: async () => {
      await Promise.all([...sources.map((source) => source.destroy()), ...clients.map((client) => client.end()), admin.end()]);
      await place.drop();
    },
  };
}

const home = (name: string, make: (names: readonly DomainWithData[]) => Promise<Place>) => ({
  name,
  open: async (...names: DomainWithData[]): Promise<DataHome> => openHome(await make(names), names),
});

export const ownHome = home('its own database', makeOwn);

/** For `describe.each`: every store keeps the same promises on each. */
export const dataHomes = [ownHome, ...variants.map((variant) => home(`the legacy database (${variant})`, makeLegacy(variant)))];
