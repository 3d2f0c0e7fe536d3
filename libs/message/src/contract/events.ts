import { event, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

const parties = { message_id: Uuid, sender_id: Uuid, recipient_id: Uuid };

/**
 * A message was stored. `position` is its place in the recipient's queue, null if it was not queued. `names_files`: its sender named uploads, or
 * so it seems where that is not said. Carries no content.
 */
export const messageSent = event(
  'message.sent',
  z.object({ ...parties, position: z.int().nullable(), names_files: z.boolean().optional() }),
);

/** The recipient acknowledged a queued message; it is in his queue no more. */
export const messageDelivered = event('message.delivered', z.object(parties));

/** A device of the recipient has said, for the first time, that it has the message. It may wait in his queue for others. */
export const messageReceived = event('message.received', z.object(parties));

export const messageRead = event('message.read', z.object(parties));

/** Deleted by `deleted_by`, for himself or for both sides. */
export const messageDeleted = event('message.deleted', z.object({ ...parties, deleted_by: Uuid, for: z.enum(['me', 'both']) }));
