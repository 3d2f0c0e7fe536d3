import { addContact, isContact } from './contacts';
import type { Queryable } from './database';
import { HttpError } from './http';
import { model, uuid } from './kinds';
import type { Legacy } from './legacy';
import type { Router } from './router';
import { findUser } from './users-table';

interface Listed {
  readonly id: string;
  readonly email: string;
  readonly username: string;
  readonly full_name: string | null;
  readonly role: string;
  readonly is_contact: boolean;
  readonly created_at: string | null;
}

/** No token is read: it is enough to name somebody who is an administrator. */
export function adminRoutes(router: Router, { db }: Legacy): void {
  const path = (rest: string) => `/api/v1/admin${rest}`;
  const byAdmin = { path: { admin_id: uuid } };

  router.on('GET', path('/all-users/{admin_id}'), byAdmin, async ({ path: { admin_id } }) => {
    await demandAdmin(admin_id, 'Only admins can view all users');
    const users = await db.query<Listed>(
      `SELECT u.id, u.email, u.username, u.full_name, u.role, c.id IS NOT NULL AS is_contact, u.created_at
       FROM users u LEFT JOIN contacts c ON c.user_id = $1 AND c.contact_id = u.id WHERE u.id <> $1`,
      [admin_id],
    );
    return users.map((user) => ({ ...user, full_name: user.full_name ?? '' }));
  });

  router.on('POST', path('/add-contact'), { body: model({ admin_id: uuid, user_id: uuid }) }, async ({ body: { admin_id, user_id } }) => {
    await demandAdmin(admin_id, 'Only admins can add contacts');
    if (await isContact(db, admin_id, user_id)) throw new HttpError(400, 'Contact already exists');
    await db.transaction(async (tx) => {
      await addContact(tx, admin_id, user_id);
      await addContact(tx, user_id, admin_id);
    });
    return { status: 'success', message: 'Contact added successfully' };
  });

  const removal = { path: { admin_id: uuid, user_id: uuid } };
  router.on('DELETE', path('/remove-contact/{admin_id}/{user_id}'), removal, async ({ path: { admin_id, user_id } }) => {
    await demandAdmin(admin_id, 'Only admins can remove contacts');
    const user = await findUser(db, user_id);
    if (!user) throw new HttpError(404, 'User not found');
    await db
      .transaction((tx) => removeAccount(tx, user_id, user.email))
      .catch((error: Error) => {
        throw new HttpError(500, `Failed to delete user: ${error.message}`);
      });
    const message = 'User account and all related data removed successfully';
    return { status: 'success', message, deleted_email: user.email };
  });

  /** A GET that changes the schema. */
  router.on('GET', path('/fix-media-table/{admin_id}'), byAdmin, async ({ path: { admin_id } }) => {
    await demandAdmin(admin_id, 'Only admins can run migrations');
    try {
      await db.query('ALTER TABLE media_attachments ALTER COLUMN message_id DROP NOT NULL, ALTER COLUMN created_at DROP NOT NULL');
      return { status: 'success', message: 'Media table fixed successfully' };
    } catch (error) {
      return { status: 'error', message: (error as Error).message };
    }
  });

  async function demandAdmin(id: string, otherwise: string): Promise<void> {
    if ((await findUser(db, id))?.role !== 'admin') throw new HttpError(403, otherwise);
  }
}

/** Files, queued relay messages and open sockets of the account stay. Whom he has added to groups of others blocks it. */
async function removeAccount(tx: Queryable, id: string, email: string): Promise<void> {
  await tx.query('DELETE FROM group_read_receipts WHERE user_id = $1', [id]);
  await tx.query('DELETE FROM group_messages WHERE sender_id = $1', [id]);
  await tx.query('DELETE FROM group_members WHERE user_id = $1', [id]);
  await tx.query('DELETE FROM groups WHERE admin_id = $1', [id]);
  await tx.query('DELETE FROM messages WHERE sender_id = $1 OR recipient_id = $1', [id]);
  await tx.query('DELETE FROM contacts WHERE user_id = $1 OR contact_id = $1', [id]);
  await tx.query('DELETE FROM invitations WHERE inviter_id = $1 OR invitee_email = $2', [id, email]);
  await tx.query('DELETE FROM users WHERE id = $1', [id]);
}
