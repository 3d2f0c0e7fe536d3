import type { Legacy } from './legacy';
import { withOffset, nowMicros } from './clock';
import { HttpError } from './http';
import { model, text, uuid } from './kinds';
import type { Router } from './router';
import { findUser, publicKeyOf } from './users-table';

/** `/search` and `/by-email` are taken for user ids, so they have no handlers here. */
export function userRoutes(router: Router, { db }: Legacy): void {
  const path = (rest: string) => `/api/v1/users${rest}`;

  router.on('GET', path('/me/key-backup'), { auth: true }, ({ user: { encrypted_private_key } }) => ({
    has_backup: Boolean(encrypted_private_key),
    encrypted_private_key,
  }));

  router.on('POST', path('/me/key-backup'), { auth: true, body: model({ encrypted_private_key: text() }) }, async ({ user, body }) => {
    await db.query('UPDATE users SET encrypted_private_key = $2, updated_at = $3::timestamptz WHERE id = $1', [
      user.id,
      body.encrypted_private_key,
      withOffset(nowMicros()),
    ]);
    return { success: true };
  });

  router.on('GET', path('/{user_id}'), { path: { user_id: uuid } }, async ({ path: { user_id } }) => {
    const user = await findUser(db, user_id);
    if (!user) throw new HttpError(404, 'User not found');
    const { id, email, username, full_name, is_active } = user;
    return { id, email, username, full_name, public_key: publicKeyOf(user), is_active };
  });
}
