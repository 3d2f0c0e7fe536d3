import type { Database } from '@banyan/platform/database/database';
import { Outbox } from '@banyan/platform/events/outbox';
import { AuthStore } from './auth.store';
import { roleChanged } from './contract';

/**
 * Make the account with this address an admin's. Whoever remembers its role hears of it in the same transaction.
 *
 * @param email in its normal form
 * @returns undefined if nobody has the address; `isNew` is false for one who is an admin already, and then he is told about again
 */
export async function makeAdmin(database: Database, email: string): Promise<{ userId: string; isNew: boolean } | undefined> {
  const store = new AuthStore(database);
  return database.transaction(async (tx) => {
    const made = await store.setRole(tx, email, 'admin');
    if (!made) return undefined;
    await new Outbox(database).add(tx, roleChanged, { user_id: made.userId, role: 'admin' }, { key: made.userId });
    return made;
  });
}
