import { randomUUID } from 'node:crypto';
import type { Legacy } from './legacy';
import { withOffset, nowMicros } from './clock';
import type { Queryable } from './database';
import { HttpError } from './http';
import { model, optional, text, uuid } from './kinds';
import type { Router } from './router';
import { checkedPublicKeyOf, findUser } from './users-table';

interface ContactRow {
  readonly id: string;
  readonly user_id: string;
  readonly contact_id: string;
  readonly nickname: string | null;
  readonly created_at: string | null;
}

interface Details {
  readonly email: string;
  readonly username: string;
  readonly full_name: string | null;
  readonly public_keys: unknown;
}

/** No route here reads a token. */
export function contactRoutes(router: Router, { db }: Legacy): void {
  const path = (rest: string) => `/api/v1/contacts${rest}`;
  const query = { user_id: uuid };

  const NewContact = model({ user_id: uuid, contact_id: uuid, nickname: optional(text()) });
  router.on('POST', path('/add'), { body: NewContact }, async ({ body: { user_id, contact_id, nickname } }) => {
    if (!(await findUser(db, contact_id))) throw new HttpError(404, 'User not found');
    if (await isContact(db, user_id, contact_id)) throw new HttpError(400, 'Contact already exists');
    return { ...(await addContact(db, user_id, contact_id, nickname)), ...detailsOf(undefined) };
  });

  for (const form of ['', '/']) {
    router.on('GET', path(form), { query }, async ({ query: { user_id } }) => {
      if (!(await findUser(db, user_id))) throw new HttpError(404, 'User not found');
      const rows = await db.query<ContactRow & Details>(
        `SELECT c.*, u.email, u.username, u.full_name, u.public_keys FROM contacts c JOIN users u ON u.id = c.contact_id WHERE c.user_id = $1`,
        [user_id],
      );
      return rows.map((row) => ({ ...shown(row), ...detailsOf(row) }));
    });
  }

  router.on('GET', path('/all-users'), { query }, async ({ query: { user_id } }) => {
    if (!(await findUser(db, user_id))) throw new HttpError(404, 'User not found');
    const rows = await db.query<ContactRow & Details>(
      `SELECT coalesce(c.id, u.id) AS id, $1::uuid AS user_id, u.id AS contact_id, c.nickname,
              CASE WHEN c.id IS NULL THEN u.created_at ELSE c.created_at END AS created_at, u.email, u.username, u.full_name, u.public_keys
       FROM users u LEFT JOIN contacts c ON c.user_id = $1 AND c.contact_id = u.id WHERE u.id <> $1`,
      [user_id],
    );
    return rows.map((row) => ({ ...shown(row), ...detailsOf(row) }));
  });

  router.on('DELETE', path('/{contact_id}'), { path: { contact_id: uuid } }, async ({ path: { contact_id } }) => {
    const gone = await db.query('DELETE FROM contacts WHERE id = $1 RETURNING id', [contact_id]);
    if (gone.length === 0) throw new HttpError(404, 'Contact not found');
    return { status: 'Contact removed' };
  });
}

const shown = ({ id, user_id, contact_id, nickname, created_at }: ContactRow) => ({ id, user_id, contact_id, nickname, created_at });

const detailsOf = (user: Details | undefined) => ({
  contact_email: user?.email ?? null,
  contact_username: user?.username ?? null,
  contact_full_name: user?.full_name ?? null,
  contact_public_key: user ? checkedPublicKeyOf(user) : null,
});

/** In this direction. */
export async function isContact(db: Queryable, userId: string, contactId: string): Promise<boolean> {
  const rows = await db.query('SELECT id FROM contacts WHERE user_id = $1 AND contact_id = $2', [userId, contactId]);
  return rows.length > 0;
}

export async function addContact(db: Queryable, userId: string, contactId: string, nickname: string | null = null): Promise<ContactRow> {
  const [contact] = await db.query<ContactRow>(
    'INSERT INTO contacts (id, user_id, contact_id, nickname, created_at) VALUES ($1, $2, $3, $4, $5::timestamptz) RETURNING *',
    [randomUUID(), userId, contactId, nickname, withOffset(nowMicros())],
  );
  return contact!;
}
