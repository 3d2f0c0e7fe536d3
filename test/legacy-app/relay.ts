import { withOffset } from './clock';
import { HttpError } from './http';
import { model, parseUuid, text } from './kinds';
import type { Legacy } from './legacy';
import { insertMessage } from './messages';
import { Envelope, type Queued, relayed } from './relay-queue';
import type { Router } from './router';
import { findUser } from './users-table';

export function relayRoutes(router: Router, legacy: Legacy): void {
  const path = (rest: string) => `/api/v1/relay${rest}`;
  const { relay, sockets } = legacy;

  router.on('POST', path('/send'), { auth: true, body: model(Envelope) }, async ({ user, body }) => {
    const recipientId = parseUuid(body.recipient_id);
    if (recipientId === undefined) throw new Error('ValueError: badly formed hexadecimal UUID string');
    if (!(await findUser(legacy.db, recipientId))) throw new HttpError(404, 'Recipient not found');
    const message = relay.add(user.id, body);
    await storeCopy(legacy, message, recipientId);
    const isDelivered = sockets.send(body.recipient_id, { type: 'relay_message', data: relayed(message) });
    const status = isDelivered ? 'delivered' : 'queued';
    return { success: true, message_id: message.id, status, expires_at: withOffset(message.expiresAt) };
  });

  router.on('GET', path('/pending'), { auth: true }, ({ user }) => {
    const messages = relay.takePending(user.id).map(relayed);
    return { success: true, count: messages.length, messages };
  });

  router.on('POST', path('/acknowledge'), { auth: true, body: model({ message_id: text() }) }, ({ body: { message_id } }) => ({
    success: true,
    message_id,
    status: relay.acknowledge(message_id) ? 'deleted' : 'not_found',
  }));

  router.on('GET', path('/stats'), { auth: true }, () => {
    const { unique_recipients, ...counts } = relay.stats();
    return { success: true, stats: { ...counts, online_users: sockets.online().length, unique_recipients } };
  });

  router.on('POST', path('/cleanup'), { auth: true }, () => ({ success: true, deleted_count: relay.cleanup() }));
}

/** The sender is told of success even if this fails. */
async function storeCopy({ db, faults }: Legacy, { id, senderId, envelope }: Queued, recipientId: string): Promise<void> {
  try {
    await insertMessage(db, faults, { ...envelope, id, sender_id: senderId, recipient_id: recipientId });
  } catch (error) {
    console.error(`Failed to store message ${id}: ${(error as Error).message.split('\n', 1)[0]}`);
  }
}
