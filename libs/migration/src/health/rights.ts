import type { Client } from 'pg';
import { missingRights } from '../prepare/inspect';
import { legacyTables } from '../prepare/tables';
import { broken, type Check, ok } from './check';
import { look } from './look';
import { type DatabasePlace, databasePlaces, LEGACY_DATABASE, type Sight } from './sight';

/** What the login of each database lacks, and the roles of the domains there. A database that does not answer is no line. */
export async function checkRights(sight: Sight): Promise<Check[]> {
  const found = await Promise.all(databasePlaces(sight).map(ofPlace));
  return found.filter((check) => check !== undefined);
}

async function ofPlace({ name, url, roles }: DatabasePlace): Promise<Check | undefined> {
  const what = `rights in ${name}`;
  try {
    return await look(url, async (client) => {
      const lacking = [...(name === LEGACY_DATABASE ? await missingRights(client) : []), ...(await missingOfRoles(client, roles))];
      return lacking.length > 0 ? broken(what, `${lacking.join('; ')}.`) : ok(what, roles.length > 0 ? roles.join(', ') : 'to prepare it');
    });
  } catch {
    return undefined;
  }
}

/** Only the triggers of views touch these. */
const OF_TRIGGERS = legacyTables.flatMap(({ partOf }) => partOf?.pending ?? []);

interface RoleRow {
  readonly name: string;
  readonly user: string;
  readonly there: boolean;
  readonly member: boolean;
  readonly schema: boolean;
  readonly usable: boolean;
  readonly barred: string[];
}

async function missingOfRoles(client: Client, names: readonly string[]): Promise<string[]> {
  const { rows } = await client.query<RoleRow>(
    `SELECT name, current_user AS user, r.oid IS NOT NULL AS there, coalesce(pg_has_role(r.oid, 'MEMBER'), false) AS member,
       n.oid IS NOT NULL AS schema,
       coalesce(has_schema_privilege(r.oid, n.oid, 'USAGE') AND has_schema_privilege(r.oid, n.oid, 'CREATE'), false) AS usable,
       ARRAY(SELECT relname::text FROM pg_class c
             WHERE c.relnamespace = n.oid AND c.relkind IN ('r', 'v') AND c.relname <> ALL ($2)
               AND NOT (has_table_privilege(r.oid, c.oid, 'SELECT') AND has_table_privilege(r.oid, c.oid, 'INSERT')
                        AND has_table_privilege(r.oid, c.oid, 'UPDATE') AND has_table_privilege(r.oid, c.oid, 'DELETE'))
             ORDER BY relname) AS barred
     FROM unnest($1::text[]) name LEFT JOIN pg_roles r ON r.rolname = name LEFT JOIN pg_namespace n ON n.nspname = name`,
    [names, OF_TRIGGERS],
  );
  return rows.flatMap(missingOfRole);
}

function missingOfRole({ name, user, there, member, schema, usable, barred }: RoleRow): string[] {
  if (!there) return [`the role ${name} is missing: start a server, which makes it, or run banyan legacy prepare`];
  if (!schema) return [`the schema ${name} is missing: start a server, which makes it, or run banyan legacy prepare`];
  return [
    ...(member ? [] : [`${user} is no member of the role ${name}: GRANT ${name} TO "${user}"`]),
    ...(usable ? [] : [`${name} may not work in its schema: GRANT USAGE, CREATE ON SCHEMA ${name} TO ${name}`]),
    ...(barred.length > 0
      ? [
          `${name} may not read and write ${barred.join(', ')}: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${name} TO ${name}`,
        ]
      : []),
  ];
}
