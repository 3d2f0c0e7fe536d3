import type { CallContext, Input } from '@banyan/platform/contract';
import { Database, type Transaction } from '@banyan/platform/database/database';
import { once } from '@banyan/platform/database/request-keys';
import { Outbox } from '@banyan/platform/events/outbox';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { BlockStore } from './block.store';
import { type ContactRow, ContactStore, type DetailedContactRow } from './contact.store';
import {
  type addContact,
  type Contact,
  contactAdded,
  ContactExists,
  ContactNotFound,
  LIST_LIMIT,
  NotYourself,
  type Page,
  TooManyContacts,
  UserNotFound,
} from './contract';
import { currentKey, placeholderKey } from './keys';
import { UserStore } from './user.store';

export const KEY_LIFE_MS = 24 * 3_600_000;

type Caller = Pick<CallContext, 'actor' | 'key'>;

/** Lists of contacts. An entry is in one list only: who adds somebody is not in his list thereby. */
@Injectable()
export class ContactService {
  constructor(
    private readonly store: ContactStore,
    private readonly users: UserStore,
    private readonly blocks: BlockStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  add(draft: Input<typeof addContact>, { actor: { userId }, key }: Caller): Promise<Contact> {
    if (draft.user_id !== userId) throw NotYourself();
    const { contact_id, nickname = null } = draft;
    const request = { userId, key, operation: 'user.addContact', body: draft, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        const held = await this.users.holdProfiles(tx, [userId, contact_id]);
        if (!held.has(contact_id) || !held.has(userId) || (await this.blocks.has(tx, contact_id, userId))) throw UserNotFound();
        if (await this.store.has(tx, userId, contact_id)) throw ContactExists();
        if ((await this.store.count(tx, userId, LIST_LIMIT)) >= LIST_LIMIT) throw TooManyContacts();
        const row = await this.put(tx, { user_id: userId, contact_id, nickname, by: userId });
        if (!row) throw ContactExists(); // by another request, at this moment
        return withoutDetails(row);
      }),
    );
  }

  /** For the services of this domain; profiles are held. Nothing comes back if the entry is there already. */
  async put(
    tx: Transaction,
    { by, ...draft }: { user_id: string; contact_id: string; nickname?: string | null; by: string },
  ): Promise<ContactRow | undefined> {
    const row = await this.store.insertOnce(tx, { id: uuidv7(), ...draft });
    const { user_id, contact_id } = draft;
    if (row) await this.outbox.add(tx, contactAdded, { user_id, contact_id, by }, { key: user_id });
    return row;
  }

  async list(userId: string, asked: Page & { user_id: string }): Promise<Contact[]> {
    if (asked.user_id !== userId) throw NotYourself();
    return (await this.store.list(userId, partOf(asked))).map(withDetails);
  }

  async circle(userId: string): Promise<{ contacts: string[]; contact_of: string[] }> {
    const known = await this.store.circle(userId, LIST_LIMIT);
    const ids = (isOwn: boolean) => known.filter(({ is_own }) => is_own === isOwn).map(({ other_id }) => other_id);
    return { contacts: ids(true), contact_of: ids(false) };
  }

  async listEverybody(userId: string, asked: Page & { user_id: string }): Promise<Contact[]> {
    if (asked.user_id !== userId) throw NotYourself();
    return (await this.store.listEverybody(userId, partOf(asked))).map(withDetails);
  }

  /** The entry of another's list is as unknown as one that never was. */
  async rename(userId: string, id: string, nickname: string | null): Promise<Contact> {
    const row = await this.store.rename(userId, id, nickname);
    if (!row) throw ContactNotFound();
    return withoutDetails(row);
  }

  remove(id: string, { actor: { userId }, key }: Caller) {
    const request = { userId, key, operation: 'user.removeContact', body: id, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        if (!(await this.store.remove(tx, userId, id))) throw ContactNotFound();
        return { status: 'Contact removed' as const };
      }),
    );
  }
}

export const partOf = ({ limit, after }: Page) => ({ limit: limit ?? LIST_LIMIT, after });

const withoutDetails = (row: ContactRow): Contact => ({
  ...row,
  contact_email: null,
  contact_username: null,
  contact_full_name: null,
  contact_public_key: null,
});

const withDetails = ({ email, username, full_name, public_keys, ...row }: DetailedContactRow): Contact => ({
  ...row,
  contact_email: email,
  contact_username: username,
  contact_full_name: full_name,
  contact_public_key: currentKey(public_keys) ?? placeholderKey(username),
});
