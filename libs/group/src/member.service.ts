import type { ClientOf } from '@banyan/platform/contract';
import { Database, type Transaction } from '@banyan/platform/database/database';
import { findAnswer, type KeyedRequest, once } from '@banyan/platform/database/request-keys';
import { Client } from '@banyan/platform/dispatch/client';
import { Outbox } from '@banyan/platform/events/outbox';
import { userContract } from '@banyan/user/contract';
import { Injectable } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import {
  AlreadyAMember,
  BannedFromGroup,
  type GroupDetails,
  GroupFull,
  groupChanged,
  GroupNotFound,
  type Member,
  memberAdded,
  MemberNotFound,
  memberRemoved,
  MEMBERS_LIMIT,
  OnlyAdminsAdd,
  OnlyAdminsRemove,
  OnlyTheOwner,
  OwnerCannotLeave,
  UserToAddNotFound,
} from './contract';
import { type Caller, GroupService, KEY_LIFE_MS, toDetails } from './group.service';
import { GroupStore, isOrphan, type Standing } from './group.store';
import { MemberStore } from './member.store';

/** Of so many users the profiles are asked for at once. */
const PROFILES = 1_000;

interface Pair {
  readonly group_id: string;
  readonly user_id: string;
}

/** Who is in a group and what he is there. Each change holds the lock of the group. */
@Injectable()
export class MemberService {
  constructor(
    private readonly store: MemberStore,
    private readonly groups: GroupStore,
    private readonly group: GroupService,
    private readonly database: Database,
    private readonly outbox: Outbox,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
  ) {}

  async list(userId: string, groupId: string, { limit, after }: { limit?: number | null; after?: string | null }): Promise<Member[]> {
    await this.group.getPlace(userId, groupId);
    const rows = await this.store.list(groupId, { limit: limit ?? 10 * MEMBERS_LIMIT, after });
    const profiles = await this.profilesOf(rows.map(({ user_id }) => user_id));
    return rows.flatMap(({ user_id, role, joined_at }) => {
      const profile = profiles.get(user_id);
      if (!profile) return []; // whose account is being removed at this moment
      const { username, email, full_name, public_key, avatar_url } = profile;
      return {
        id: user_id,
        user_id,
        username,
        email,
        full_name,
        public_key,
        avatar_url,
        role: role === 'owner' ? 'admin' : role,
        joined_at,
      };
    });
  }

  async listIds(groupId: string) {
    return { user_ids: await this.store.listIds(groupId) };
  }

  async add(pair: Pair, { actor: { userId }, key }: Caller) {
    const request = { userId, key, operation: 'group.addMember', body: pair, ttlMs: KEY_LIFE_MS };
    const before = await findAnswer<Awaited<ReturnType<typeof this.insert>>>(this.database, request);
    if (before) return before;
    // Outsiders learn nothing about who there is.
    checkMayAdd(await this.groups.standing(pair.group_id, userId));
    const [profile] = await this.allowedProfile(userId, pair.user_id); // may be remote: before the transaction
    if (!profile) throw UserToAddNotFound();
    return this.insert(pair, request, profile.username);
  }

  private insert({ group_id, user_id }: Pair, request: KeyedRequest, username: string) {
    const { userId: by } = request;
    return this.database.transaction((tx) =>
      once(tx, request, async () => {
        await this.groups.lock(tx, group_id);
        if (!(await this.groups.holdUser(tx, user_id))) throw UserToAddNotFound();
        checkMayAdd(await this.groups.standing(group_id, by, tx));
        if ((await this.groups.standing(group_id, user_id, tx))?.role) throw AlreadyAMember();
        if (await this.store.isBanned(tx, group_id, user_id)) throw BannedFromGroup();
        if (await this.store.isFull(tx, group_id, MEMBERS_LIMIT)) throw GroupFull();
        const draft = { id: uuidv7(), group_id, user_id, role: 'member' as const, added_by: by };
        const row = await this.store.insertOnce(tx, draft).catch((error: unknown) => {
          throw isOrphan(error) ? UserToAddNotFound() : error;
        });
        if (!row) throw AlreadyAMember(); // by legacy, at this moment
        await this.outbox.add(tx, memberAdded, { group_id, user_id, by }, { key: group_id });
        const message = 'User added to group successfully' as const;
        return { message, member_id: row.id, user_id, username, role: draft.role, added_at: null };
      }),
    );
  }

  remove(pair: Pair, caller: Caller) {
    return this.changeOnce('group.removeMember', pair, caller, async (tx, by) => {
      const standing = await this.lockFor(tx, pair.group_id, by);
      if (standing.role === null) throw OnlyAdminsRemove();
      if (pair.user_id === by) {
        await this.removeIn(tx, pair, by, 'left');
      } else {
        await this.checkMayRemove(tx, standing, pair);
        await this.removeIn(tx, pair, by, 'removed');
      }
      return { message: 'Member removed successfully' as const };
    });
  }

  leave(group_id: string, caller: Caller) {
    const pair = { group_id, user_id: caller.actor.userId };
    return this.changeOnce('group.leave', pair, caller, async (tx, by) => {
      await this.groups.lock(tx, group_id);
      await this.group.getPlace(by, group_id, tx);
      await this.removeIn(tx, pair, by, 'left');
      return { message: 'You have left the group' as const };
    });
  }

  /** For the services of this domain; the group is locked. @throws MemberNotFound, OwnerCannotLeave */
  async removeIn(
    tx: Transaction,
    { group_id, user_id }: Pair,
    by: string,
    reason: 'removed' | 'left' | 'banned' | 'account',
  ): Promise<void> {
    if ((await this.groups.standing(group_id, user_id, tx))?.role === 'owner') throw OwnerCannotLeave();
    if (!(await this.store.remove(tx, group_id, user_id))) throw MemberNotFound();
    await this.outbox.add(tx, memberRemoved, { group_id, user_id, by, reason }, { key: group_id });
  }

  setRole({ group_id, user_id, role }: Pair & { role: 'admin' | 'member' }, { actor: { userId: by } }: Caller) {
    return this.database.transaction(async (tx) => {
      const standing = await this.lockFor(tx, group_id, by);
      if (standing.role !== 'owner' || user_id === by) throw OnlyTheOwner();
      const before = (await this.groups.standing(group_id, user_id, tx))?.role;
      if (!before) throw MemberNotFound();
      if (before !== role) {
        await this.store.setRole(tx, group_id, user_id, role);
        await this.outbox.add(tx, groupChanged, { group_id }, { key: group_id });
      }
      return { user_id, role };
    });
  }

  transfer(pair: Pair, caller: Caller): Promise<GroupDetails> {
    const { group_id, user_id } = pair;
    return this.changeOnce('group.transfer', pair, caller, async (tx, by) => {
      const standing = await this.lockFor(tx, group_id, by);
      if (standing.role !== 'owner') throw OnlyTheOwner();
      // Both: a row of somebody whose removal has begun would be left behind.
      const areThere = (await this.groups.holdUser(tx, by)) && (await this.groups.holdUser(tx, user_id));
      if (!areThere || !(await this.groups.standing(group_id, user_id, tx))?.role) throw MemberNotFound();
      if (user_id !== by) {
        // Legacy lets somebody add members if he owns the group and his row says admin: both have such a row afterwards.
        await this.store.insertOnce(tx, { id: uuidv7(), group_id, user_id: by, role: 'admin', added_by: by });
        await this.store.setRole(tx, group_id, by, 'admin');
        await this.store.setRole(tx, group_id, user_id, 'admin');
        await this.groups.setOwner(tx, group_id, user_id);
        await this.outbox.add(tx, groupChanged, { group_id }, { key: group_id });
      }
      return toDetails({ ...standing, admin_id: user_id }, by);
    });
  }

  ban(pair: Pair, { actor: { userId: by } }: Caller) {
    const { group_id, user_id } = pair;
    return this.database.transaction(async (tx) => {
      const standing = await this.lockFor(tx, group_id, by);
      if (standing.role !== 'owner' && standing.role !== 'admin') throw OnlyAdminsRemove();
      if (user_id === by && standing.role === 'owner') throw OwnerCannotLeave();
      const isMember = Boolean((await this.groups.standing(group_id, user_id, tx))?.role);
      if (isMember) await this.checkMayRemove(tx, standing, pair);
      if (await this.groups.holdUser(tx, user_id)) await this.store.ban(tx, group_id, user_id, by);
      if (isMember) await this.removeIn(tx, pair, by, 'banned');
      return { user_id, is_banned: true as const };
    });
  }

  unban({ group_id, user_id }: Pair, { actor: { userId: by } }: Caller) {
    return this.database.transaction(async (tx) => {
      const standing = await this.lockFor(tx, group_id, by);
      if (standing.role !== 'owner' && standing.role !== 'admin') throw OnlyAdminsRemove();
      await this.store.unban(tx, group_id, user_id);
      return { user_id, is_banned: false as const };
    });
  }

  async listBans(userId: string, groupId: string) {
    const standing = await this.groups.standing(groupId, userId);
    if (!standing) throw GroupNotFound();
    if (standing.role !== 'owner' && standing.role !== 'admin') throw OnlyAdminsRemove();
    return this.store.listBans(groupId, MEMBERS_LIMIT);
  }

  /** The group is locked afterwards. @throws GroupNotFound */
  private async lockFor(tx: Transaction, groupId: string, userId: string): Promise<Standing> {
    await this.groups.lock(tx, groupId);
    const standing = await this.groups.standing(groupId, userId, tx);
    if (!standing) throw GroupNotFound();
    return standing;
  }

  /** @throws OnlyAdminsRemove, MemberNotFound, OnlyTheOwner: another admin, or the owner */
  private async checkMayRemove(tx: Transaction, standing: Standing, { group_id, user_id }: Pair): Promise<void> {
    if (standing.role !== 'owner' && standing.role !== 'admin') throw OnlyAdminsRemove();
    const target = (await this.groups.standing(group_id, user_id, tx))?.role;
    if (!target) throw MemberNotFound();
    if (target === 'owner' || (target === 'admin' && standing.role !== 'owner')) throw OnlyTheOwner();
  }

  private changeOnce<T>(
    operation: string,
    body: Pair,
    { actor: { userId }, key }: Caller,
    work: (tx: Transaction, by: string) => Promise<T>,
  ): Promise<T> {
    const request = { userId, key, operation, body, ttlMs: KEY_LIFE_MS };
    return this.database.transaction((tx) => once(tx, request, () => work(tx, userId)));
  }

  /** Of somebody whom the caller may write to; nothing otherwise. */
  private async allowedProfile(from: string, userId: string) {
    const { allowed } = await this.users.canMessage({ from, to: userId });
    return allowed ? (await this.users.profiles({ user_ids: [userId] })).profiles : [];
  }

  private async profilesOf(userIds: readonly string[]) {
    const parts = Array.from({ length: Math.ceil(userIds.length / PROFILES) }, (_, i) => userIds.slice(i * PROFILES, (i + 1) * PROFILES));
    const answers = await Promise.all(parts.map((user_ids) => this.users.profiles({ user_ids })));
    return new Map(answers.flatMap(({ profiles }) => profiles).map((profile) => [profile.id, profile]));
  }
}

function checkMayAdd(standing: Standing | undefined): void {
  if (!standing) throw GroupNotFound();
  const { role, who_may_add } = standing;
  if (role === null || (role === 'member' && who_may_add !== 'members')) throw OnlyAdminsAdd();
}
