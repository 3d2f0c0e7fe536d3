import { CallerNotFound, type CallContext, type Input } from '@banyan/platform/contract';
import { Database, type Transaction } from '@banyan/platform/database/database';
import { once } from '@banyan/platform/database/request-keys';
import { Outbox } from '@banyan/platform/events/outbox';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import {
  type create,
  groupChanged,
  groupCreated,
  groupDeleted,
  type GroupDetails,
  GroupNotFound,
  GROUPS_LIMIT,
  type ListedGroup,
  MEMBERS_LIMIT,
  NotAMember,
  OnlyAdminsEdit,
  OnlyOwnerDeletes,
  type Role,
  type Settings,
  TooManyGroups,
  type update,
} from './contract';
import { type GroupRow, GroupStore, isOrphan, type Standing } from './group.store';
import { MemberStore } from './member.store';

export const KEY_LIFE_MS = 24 * 3_600_000;

export type Caller = Pick<CallContext, 'actor' | 'key'>;

/** Somebody who is in the group. */
export type Place = Standing & { readonly role: Role };

@Injectable()
export class GroupService {
  constructor(
    private readonly store: GroupStore,
    private readonly members: MemberStore,
    private readonly database: Database,
    private readonly outbox: Outbox,
  ) {}

  async list(userId: string): Promise<ListedGroup[]> {
    const rows = await this.store.listOf(userId, GROUPS_LIMIT);
    return rows.map(({ members, ...row }) => ({ ...toDetails(row, userId), memberCount: members }));
  }

  create({ name, description = null }: Input<typeof create>, { actor: { userId }, key }: Caller) {
    const request = { userId, key, operation: 'group.create', body: { name, description }, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        if (!(await this.store.holdUser(tx, userId))) throw CallerNotFound();
        if ((await this.store.listIdsOf(userId, tx)).length >= GROUPS_LIMIT) throw TooManyGroups();
        const { id, ...group } = await this.store.insert(tx, { id: uuidv7(), name, description, admin_id: userId }).catch(callerLeft);
        await this.members
          .insertOnce(tx, { id: uuidv7(), group_id: id, user_id: userId, role: 'admin', added_by: userId })
          .catch(callerLeft);
        await this.outbox.add(tx, groupCreated, { group_id: id, by: userId }, { key: id });
        return { group_id: id, ...group };
      }),
    );
  }

  async getDetails(userId: string, groupId: string): Promise<GroupDetails> {
    return toDetails(await this.getPlace(userId, groupId), userId);
  }

  async getSettings(userId: string, groupId: string): Promise<Settings & { my_role: Role }> {
    const { role, ...place } = await this.getPlace(userId, groupId);
    return { ...settingsOf(place), my_role: role };
  }

  async update(userId: string, { group_id, ...changes }: Input<typeof update>): Promise<GroupDetails> {
    return this.database.transaction(async (tx) => {
      await this.store.lock(tx, group_id);
      const before = await this.getPlace(userId, group_id, tx);
      const isAdmin = before.role !== 'member';
      const settings = settingsOf({ ...before, ...given(changes) });
      const setsSomething = JSON.stringify(settings) !== JSON.stringify(settingsOf(before));
      if (!isAdmin && (before.who_may_edit !== 'members' || setsSomething)) throw OnlyAdminsEdit();
      const name = changes.name ?? before.name;
      const description = changes.description === undefined ? before.description : changes.description;
      const describesSomething = name !== before.name || description !== before.description;
      if (describesSomething) await this.store.describe(tx, group_id, name, description);
      if (setsSomething) await this.store.set(tx, group_id, settings);
      if (describesSomething || setsSomething) await this.outbox.add(tx, groupChanged, { group_id }, { key: group_id });
      return toDetails({ ...before, name, description }, userId);
    });
  }

  remove(groupId: string, { actor: { userId }, key }: Caller) {
    const request = { userId, key, operation: 'group.remove', body: groupId, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        await this.store.lock(tx, groupId);
        const standing = await this.store.standing(groupId, userId, tx);
        if (!standing) throw GroupNotFound();
        if (standing.role !== 'owner') throw OnlyOwnerDeletes();
        await this.removeIn(tx, standing, userId);
        return { message: 'Group deleted successfully' as const };
      }),
    );
  }

  /** For the services of this domain; the group is locked. Those who were in it are told what they cannot ask for any more. */
  async removeIn(tx: Transaction, { id, name }: Pick<GroupRow, 'id' | 'name'>, by: string): Promise<void> {
    const everybody = await this.members.list(id, { limit: 10 * MEMBERS_LIMIT }, tx);
    await this.store.remove(tx, id);
    const member_ids = everybody.map(({ user_id }) => user_id);
    await this.outbox.add(tx, groupDeleted, { group_id: id, name, by, member_ids }, { key: id });
  }

  async about(groupId: string) {
    const row = await this.store.find(groupId);
    return { group: row ? { group_id: row.id, name: row.name, description: row.description, admin_id: row.admin_id } : null };
  }

  async listIdsOf(userId: string) {
    return { group_ids: await this.store.listIdsOf(userId) };
  }

  /** @throws GroupNotFound, NotAMember */
  async getPlace(userId: string, groupId: string, tx?: Transaction): Promise<Place> {
    const standing = await this.store.standing(groupId, userId, tx);
    if (!standing) throw GroupNotFound();
    const { role } = standing;
    if (role === null) throw NotAMember();
    return { ...standing, role };
  }
}

function callerLeft(error: unknown): never {
  throw isOrphan(error) ? CallerNotFound() : error;
}

export function toDetails({ id, name, description, admin_id, created_at }: GroupRow, viewerId: string): GroupDetails {
  return { id, name, description, admin_id, is_admin: admin_id === viewerId, created_at };
}

const settingsOf = ({ who_may_post, who_may_add, who_may_edit }: Settings): Settings => ({ who_may_post, who_may_add, who_may_edit });

/** What is undefined was not said. */
const given = <T extends object>(changes: T) =>
  Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)) as Partial<{
    [K in keyof T & keyof Settings]: Settings[K];
  }>;
