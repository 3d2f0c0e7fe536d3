import { event, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** An account was made. Carries what a profile starts with. */
export const userRegistered = event(
  'user.registered',
  z.object({
    user_id: Uuid,
    email: z.string(),
    username: z.string(),
    full_name: z.string().nullable(),
    public_key: z.string().nullable(),
    created_at: Timestamp,
  }),
);

/** The account is gone, and what other domains kept for it. */
export const userRemoved = event('user.removed', z.object({ user_id: Uuid }));

/** Why a session ended. `refresh_reused`: somebody showed a refresh token that had been used long before; it may have been stolen. */
export const EndReason = z.enum([
  'logout',
  'logout_all',
  'ended',
  'password_changed',
  'password_reset',
  'refresh_reused',
  'removed',
  'too_many',
]);

/** A session has ended, or with `session_id` null all of a user: his tokens are good no more, his sockets are closed. */
export const sessionRevoked = event('session.revoked', z.object({ user_id: Uuid, session_id: Uuid.nullable(), reason: EndReason }));

/** By the user himself or by a link that was sent to him. */
export const passwordChanged = event('password.changed', z.object({ user_id: Uuid, at: Timestamp }));

/** A mail with a link (`auth.link`) is wanted. Carries no secret and no address. */
export const emailVerificationRequested = event('email.verification.requested', z.object({ request_id: Uuid, user_id: Uuid }));

/** A mail with a link (`auth.link`) is wanted. Carries no secret and no address. */
export const passwordResetRequested = event('password.reset.requested', z.object({ request_id: Uuid, user_id: Uuid }));

/** Whoever keeps or remembers the role of a user takes this one. */
export const roleChanged = event('user.role.changed', z.object({ user_id: Uuid, role: z.string() }));
