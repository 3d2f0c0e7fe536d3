import { tableSets } from '@banyan/domains';
import type { Variant } from '@banyan/migration/prepare/kinds';
import { prepareLegacy } from '@banyan/migration/prepare/prepare';
import { makeSideTables } from '@banyan/migration/prepare/side';
import { openDataSource } from '@banyan/platform/database/data-source';
import { Database } from '@banyan/platform/database/database';
import { DataHomeStore } from '@banyan/platform/host/data-home.store';
import { type LegacyDatabase, makeLegacyDatabase } from '../legacy/legacy-database';

/** A legacy database as `banyan legacy prepare` leaves it. @param postgres where, if not on the one that all tests share */
export async function makePrepared(variant: Variant, postgres?: string): Promise<LegacyDatabase> {
  const legacy = await makeLegacyDatabase(variant, postgres);
  await prepareLegacy(await legacy.connect());
  await makeSideTables(legacy.url);
  return legacy;
}

/** As an operator decides, where nobody has done it before. */
export async function decideHomes(environment: Readonly<Record<string, string>>, home: 'own' | 'legacy'): Promise<void> {
  const url = environment['HOST_DATABASE_URL']!;
  const source = await openDataSource({ url, schema: 'banyan_host', role: 'banyan_host', poolSize: 1, applicationName: 'banyan test' });
  try {
    const expected = Object.fromEntries(tableSets.map((name) => [name, 'none' as const]));
    const change = { table_sets: tableSets, home, by: 'test', why: 'a test', expected };
    await new DataHomeStore(new Database(() => source)).change(change, () => undefined);
  } finally {
    await source.destroy();
  }
}
