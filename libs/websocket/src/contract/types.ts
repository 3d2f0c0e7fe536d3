import { z } from 'zod';

/**
 * What goes to a user's sockets, flat but for its `type`. `id` names it: a socket that had a frame of this type and id is not sent it again.
 * One with an empty `id` is sent whenever it is pushed.
 */
export const Frame = z.object({ type: z.string(), id: z.string(), body: z.record(z.string(), z.unknown()) });
export type Frame = z.output<typeof Frame>;
