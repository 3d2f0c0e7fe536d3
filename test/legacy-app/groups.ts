import { randomUUID } from 'node:crypto';
import { naiveNow, nowMicros, withOffset } from './clock';
import { findGroup, type Group, type GroupMessage, memberIds } from './group-messages';
import { HttpError } from './http';
import { integer, optional, text, uuid, withDefault } from './kinds';
import type { Legacy } from './legacy';
import type { Router } from './router';
import { findUser, publicKeyOf } from './users-table';

const path = (rest: string) => `/api/v1/groups${rest}`;
const group = { group_id: uuid };

export function groupRoutes(router: Router, legacy: Legacy): void {
  changingRoutes(router, legacy);
  readingRoutes(router, legacy);
}

function changingRoutes(router: Router, { db, sockets }: Legacy): void {
  const create = { auth: true, query: { name: text(), description: optional(text()) } } as const;
  router.on('POST', path('/create'), create, async ({ user, query: { name, description } }) => {
    const made = await orError('Error creating group', () =>
      db.transaction(async (tx) => {
        const [row] = await tx.query<Group>(
          `INSERT INTO groups (id, name, description, admin_id, is_encrypted, created_at, updated_at)
           VALUES ($1, $2, $3, $4, true, $5::timestamptz, $5::timestamptz) RETURNING *`,
          [randomUUID(), name, description, user.id, withOffset(nowMicros())],
        );
        await tx.query(INSERT_MEMBER, [randomUUID(), row!.id, user.id, 'admin', user.id, withOffset(nowMicros())]);
        return row!;
      }),
    );
    const shown = { group_id: made.id, name, description, admin_id: user.id };
    sockets.send(user.id, { type: 'group_created', ...shown, timestamp: naiveNow() });
    return { ...shown, created_at: made.created_at };
  });

  const add = { auth: true, path: group, query: { user_id: uuid } } as const;
  router.on('POST', path('/add-member/{group_id}'), add, ({ user: admin, path: { group_id }, query: { user_id } }) =>
    orError('Error adding member', async () => {
      const found = await findGroup(db, group_id);
      if (!found) throw new HttpError(404, 'Group not found');
      // Both the group's owner and his own row have to say so.
      const own = await db.query(`SELECT id FROM group_members WHERE group_id = $1 AND user_id = $2 AND role = 'admin'`, [
        group_id,
        admin.id,
      ]);
      if (found.admin_id !== admin.id || own.length === 0) throw new HttpError(403, 'Only admin can add members');
      if ((await memberIds(db, group_id)).includes(user_id)) throw new HttpError(400, 'User is already in group');
      const member_id = randomUUID();
      await db.query(INSERT_MEMBER, [member_id, group_id, user_id, 'member', admin.id, withOffset(nowMicros())]);
      const { username } = (await findUser(db, user_id))!;
      const by = { group_id, added_by: admin.username, timestamp: naiveNow() };
      sockets.send(user_id, { type: 'added_to_group', ...by, group_name: found.name, added_by_id: admin.id, role: 'member' });
      for (const person of new Set([...(await memberIds(db, group_id)), found.admin_id])) {
        sockets.send(person, { type: 'member_added', ...by, new_member_id: user_id, new_member_username: username });
      }
      return { message: 'User added to group successfully', member_id, user_id, username, role: 'member', added_at: null };
    }),
  );

  const remove = { auth: true, path: { group_id: uuid, user_id: uuid } } as const;
  router.on('DELETE', path('/remove-member/{group_id}/{user_id}'), remove, async ({ user: admin, path: { group_id, user_id } }) => {
    try {
      const found = await findGroup(db, group_id);
      if (found?.admin_id !== admin.id) throw new HttpError(403, 'Only admin can remove members');
      const gone = await db.query(
        `DELETE FROM group_members WHERE id = (SELECT id FROM group_members WHERE group_id = $1 AND user_id = $2 LIMIT 1) RETURNING id`,
        [group_id, user_id],
      );
      if (gone.length === 0) throw new HttpError(404, 'Member not in group');
    } catch (error) {
      throw new HttpError(500, `Error removing member: ${(error as Error).message}`); // its own 403 and 404 as well
    }
    sockets.send(user_id, { type: 'removed_from_group', group_id, removed_by: admin.id, timestamp: naiveNow() });
    for (const person of await memberIds(db, group_id)) {
      sockets.send(person, { type: 'member_removed', group_id, removed_user_id: user_id, timestamp: naiveNow() });
    }
    return { message: 'Member removed successfully' };
  });

  router.on('DELETE', path('/{group_id}'), { auth: true, path: group }, async ({ user, path: { group_id } }) => {
    const found = await findGroup(db, group_id);
    if (!found) throw new HttpError(404, 'Group not found');
    if (found.admin_id !== user.id) throw new HttpError(403, 'Only group admin can delete the group');
    const members = await memberIds(db, group_id);
    await db.query('DELETE FROM groups WHERE id = $1', [group_id]); // messages and members with it
    for (const person of members) {
      const frame = { type: 'group_deleted', group_id, group_name: found.name, deleted_by: user.id, timestamp: naiveNow() };
      sockets.send(person, frame);
    }
    return { message: 'Group deleted successfully' };
  });
}

function readingRoutes(router: Router, { db }: Legacy): void {
  /** The owner is counted once as a member and once more. */
  router.on('GET', path('/'), { auth: true }, async ({ user }) => {
    const groups = await db.query<Group & { members: number }>(
      `SELECT g.*, (SELECT count(*)::int FROM group_members m WHERE m.group_id = g.id) AS members FROM groups g
       WHERE g.admin_id = $1 OR EXISTS (SELECT FROM group_members m WHERE m.group_id = g.id AND m.user_id = $1)`,
      [user.id],
    );
    return groups.map(({ id, name, description, admin_id, members, created_at }) => ({
      id,
      name,
      description,
      admin_id,
      memberCount: members + 1,
      created_at,
      is_admin: admin_id === user.id,
    }));
  });

  /** Outsiders get it too. */
  router.on('GET', path('/{group_id}/members'), { auth: true, path: group }, async ({ path: { group_id } }) => {
    const members = await db.query<Member>(
      `SELECT m.user_id, m.role, m.joined_at, u.username, u.email, u.full_name, u.public_keys, u.avatar_url
       FROM group_members m JOIN users u ON u.id = m.user_id WHERE m.group_id = $1`,
      [group_id],
    );
    return members.map((member) => {
      const { user_id, username, email, full_name, avatar_url, role, joined_at } = member;
      return { id: user_id, user_id, username, email, full_name, public_key: publicKeyOf(member), avatar_url, role, joined_at };
    });
  });

  const page = { auth: true, path: group, query: { limit: withDefault(integer, 50), offset: withDefault(integer, 0) } } as const;
  router.on('GET', path('/{group_id}/messages'), page, ({ user, path: { group_id }, query: { limit, offset } }) =>
    orError('Error fetching messages', async () => {
      await groupOfMember(group_id, user.id);
      const rows = await db.query<GroupMessage>(
        'SELECT * FROM group_messages WHERE group_id = $1 ORDER BY created_at DESC LIMIT $2 OFFSET $3',
        [group_id, limit, offset],
      );
      const messages = rows.map(({ id, sender_id, encrypted_content, encrypted_session_key, created_at }) => ({
        id,
        message_id: id,
        sender_id,
        content: encrypted_content.toString(),
        encrypted_content: encrypted_content.toString('hex'),
        encrypted_session_key: encrypted_session_key.toString('hex'),
        created_at,
        timestamp: created_at,
      }));
      return { group_id, total: messages.length, messages };
    }),
  );

  router.on('GET', path('/{group_id}'), { auth: true, path: group }, async ({ user, path: { group_id } }) => {
    const { id, name, description, admin_id, created_at } = await groupOfMember(group_id, user.id);
    return { id, name, description, admin_id, is_admin: admin_id === user.id, created_at };
  });

  async function groupOfMember(groupId: string, userId: string): Promise<Group> {
    const found = await findGroup(db, groupId);
    if (!found) throw new HttpError(404, 'Group not found');
    const isMember = found.admin_id === userId || (await memberIds(db, groupId)).includes(userId);
    if (!isMember) throw new HttpError(403, 'You are not a member of this group');
    return found;
  }
}

const INSERT_MEMBER = `
  INSERT INTO group_members (id, group_id, user_id, role, added_by, joined_at, is_muted) VALUES ($1, $2, $3, $4, $5, $6::timestamptz, false)`;

interface Member {
  readonly user_id: string;
  readonly role: string | null;
  readonly joined_at: string | null;
  readonly username: string;
  readonly email: string;
  readonly full_name: string | null;
  readonly public_keys: unknown;
  readonly avatar_url: string | null;
}

/** Whatever was not foreseen becomes a 500 with the fault's own text in it. */
async function orError<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof HttpError) throw error;
    throw new HttpError(500, `${what}: ${(error as Error).message}`);
  }
}
