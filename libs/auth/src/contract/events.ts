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
