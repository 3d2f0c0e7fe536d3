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

/** Whoever keeps or remembers the role of a user takes this one. */
export const roleChanged = event('user.role.changed', z.object({ user_id: Uuid, role: z.string() }));
