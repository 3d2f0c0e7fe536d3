import { event, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** Something that others may have remembered about a user is different now: ask again. */
export const userChanged = event('user.changed', z.object({ user_id: Uuid }));
