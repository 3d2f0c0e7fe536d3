import { randomUUID } from 'node:crypto';
import type { Legacy } from './legacy';
import { withOffset, nowMicros } from './clock';
import type { Queryable } from './database';
import { HttpError } from './http';
import { pythonJson } from './json';
import { dictionary, email, model, optional, text, type Values } from './kinds';
import { hashPassword, verifyPassword } from './passwords';
import type { Router } from './router';
import { checkedPublicKeyOf, findUserByEmail, newKey, publicKeyOf, publicKeys, type User } from './users-table';

const Registration = {
  email,
  username: text({ min: 3, max: 50 }),
  password: text({ min: 8 }),
  full_name: optional(text()),
  public_key: optional(text()),
  role: optional(text()),
};

export function authRoutes(router: Router, { db, tokens, settings }: Legacy): void {
  const path = (rest: string) => `/api/v1/auth${rest}`;

  router.on('POST', path('/register'), { body: model(Registration) }, async ({ body }) => {
    try {
      const user = await register(db, body, settings.bcryptCost);
      const { avatar_url, created_at } = user;
      return {
        access_token: tokens.issue(user.id),
        token_type: 'bearer',
        user: { ...shown(user), avatar_url, role: user.role, created_at },
      };
    } catch (error) {
      if (error instanceof HttpError) throw error;
      throw new HttpError(500, `Registration failed: ${(error as Error).message}`); // the hash is in it
    }
  });

  router.on('POST', path('/login'), { body: model({ email, password: text() }) }, async ({ body }) => {
    const user = await findUserByEmail(db, body.email);
    if (!user || !(await verifyPassword(body.password, user.password_hash))) throw new HttpError(401, 'Invalid credentials');
    return { access_token: tokens.issue(user.id), token_type: 'bearer', user: { ...shown(user), role: user.role } };
  });

  router.on('GET', path('/me'), { auth: true }, ({ user }) => {
    const { id, email, username, full_name, is_active, avatar_url, bio, is_verified, created_at, role } = user;
    if (is_active === null || is_verified === null) throw new Error('ResponseValidationError: Input should be a valid boolean');
    const public_key = checkedPublicKeyOf(user);
    return { id, email, username, full_name, is_active, avatar_url, bio, is_verified, created_at, public_key, role };
  });

  router.on('PUT', path('/public-key'), { auth: true, body: optional(dictionary) }, async ({ user, body }) => {
    if (!body || !Object.hasOwn(body, 'public_key')) throw new HttpError(400, 'public_key is required');
    const { public_key } = body;
    const keys = [...publicKeys(user).map((key) => ({ ...key, status: 'inactive' })), newKey(public_key)];
    await db.query('UPDATE users SET public_keys = $2, updated_at = $3::timestamptz WHERE id = $1', [
      user.id,
      pythonJson(keys),
      withOffset(nowMicros()),
    ]);
    return { success: true, public_key };
  });
}

async function register(db: Queryable, given: Values<typeof Registration>, cost: number): Promise<User> {
  const { email, username, password, full_name, public_key } = given;
  const taken = await db.query('SELECT id FROM users WHERE email = $1 OR username = $2 LIMIT 1', [email, username]);
  if (taken.length > 0) throw new HttpError(400, 'User with this email or username already exists');
  const key = public_key || Buffer.from(`pubkey_${username}`).toString('base64');
  const [user] = await db.query<User>(
    `INSERT INTO users (id, email, username, password_hash, public_keys, full_name, is_active, is_verified, role, last_seen, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, true, false, 'user', $7::timestamptz, $7::timestamptz, $7::timestamptz) RETURNING *`,
    [randomUUID(), email, username, await hashPassword(password, cost), pythonJson([newKey(key)]), full_name, withOffset(nowMicros())],
  );
  return user!;
}

function shown(user: User) {
  const { id, email, username, full_name, is_active } = user;
  return { id, email, username, full_name, public_key: publicKeyOf(user), is_active };
}
