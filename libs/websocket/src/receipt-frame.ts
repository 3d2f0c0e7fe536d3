import type { Frame } from './contract';
import { now } from './now';

/** For the sender of a message. */
export const receiptFrame = (how: 'delivered' | 'read', messageId: string): Frame => ({
  type: `message_${how}`,
  id: messageId,
  body: { message_id: messageId, timestamp: now() },
});
