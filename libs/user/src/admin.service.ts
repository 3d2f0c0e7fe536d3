import type { CallContext, Input } from '@banyan/platform/contract';
import { Database } from '@banyan/platform/database/database';
import { once } from '@banyan/platform/database/request-keys';
import { Injectable } from '@nestjs/common';
import { ContactService, KEY_LIFE_MS, partOf } from './contact.service';
import { ContactStore } from './contact.store';
import { type addContactAsAdmin, ContactExists, type ListedUser, NotYourself, type Page, UserNotFound } from './contract';
import { UserStore } from './user.store';

/** That the caller is an admin is checked before; an `admin_id` that is not his is a mistake or an attempt. */
@Injectable()
export class AdminService {
  constructor(
    private readonly users: UserStore,
    private readonly store: ContactStore,
    private readonly contacts: ContactService,
    private readonly database: Database,
  ) {}

  async listUsers(userId: string, asked: Page & { admin_id: string }): Promise<ListedUser[]> {
    if (asked.admin_id !== userId) throw NotYourself();
    return (await this.users.listOthers(userId, partOf(asked))).map((row) => ({ ...row, full_name: row.full_name ?? '' }));
  }

  addContact(draft: Input<typeof addContactAsAdmin>, { actor: { userId }, key }: Pick<CallContext, 'actor' | 'key'>) {
    if (draft.admin_id !== userId) throw NotYourself();
    const { user_id } = draft;
    const request = { userId, key, operation: 'user.addContactAsAdmin', body: draft, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        const held = await this.users.holdProfiles(tx, [userId, user_id]);
        if (!held.has(user_id) || !held.has(userId)) throw UserNotFound();
        if (await this.store.has(tx, userId, user_id)) throw ContactExists();
        await this.contacts.put(tx, { user_id: userId, contact_id: user_id, by: userId });
        await this.contacts.put(tx, { user_id, contact_id: userId, by: userId });
        return { status: 'success' as const, message: 'Contact added successfully' as const };
      }),
    );
  }

  async fixMediaTable(userId: string, adminId: string) {
    if (adminId !== userId) throw NotYourself();
    return { status: 'success' as const, message: 'Nothing had to be fixed' };
  }
}
