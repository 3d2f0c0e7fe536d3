import type { Output } from '@banyan/platform/contract';
import type { profile } from '@banyan/user/contract';
import type { Frame } from './contract';
import { now } from './now';

/**
 * Somebody is in one's list now. With his key, which a page would otherwise have to ask for.
 *
 * @param id names what caused it
 */
export function contactAddedFrame(who: Output<typeof profile>, isOnline: boolean, id = ''): Frame {
  const { id: userId, username, email, full_name, public_key } = who;
  const card = { contact_id: userId, user_id: userId, username, email, full_name: full_name ?? username, public_key };
  return { type: 'contact_added', id, body: { ...card, is_online: isOnline, timestamp: now() } };
}
