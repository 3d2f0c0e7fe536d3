import type { CallContext, Handlers, Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import {
  type accept,
  type acknowledge,
  type acknowledgeAdopted,
  type adopt,
  type confirmReceipt,
  type conversation,
  type exists,
  type haveWritten,
  type markRead,
  messageContract,
  type post,
  type purge,
  type queued,
  type remove,
  type send,
  type settled,
} from './contract';
import { DeliveryService } from './delivery.service';
import { MessageService } from './message.service';
import { ReceiptService } from './receipt.service';
import { RemovalService } from './removal.service';

@Serves(messageContract)
export class MessageController implements Handlers<typeof messageContract> {
  constructor(
    private readonly messages: MessageService,
    private readonly deliveries: DeliveryService,
    private readonly removals: RemovalService,
    private readonly receipts: ReceiptService,
  ) {}

  send(draft: Input<typeof send>, { actor, key }: CallContext) {
    return this.messages.send(actor.userId, key, draft);
  }

  conversation({ other_user_id, limit, before }: Input<typeof conversation>, { actor }: CallContext) {
    return this.messages.listConversation(actor.userId, other_user_id, { limit: limit ?? null, before: before ?? null });
  }

  markRead({ message_id }: Input<typeof markRead>, { actor }: CallContext) {
    return this.messages.markRead(actor.userId, message_id);
  }

  remove(choice: Input<typeof remove>, { actor }: CallContext) {
    return this.messages.remove(actor.userId, choice.message_id, choice.for);
  }

  accept(draft: Input<typeof accept>, { actor, key }: CallContext) {
    return this.deliveries.accept(actor.userId, key, draft);
  }

  post(draft: Input<typeof post>, { actor, key }: CallContext) {
    return this.messages.post(actor.userId, key, draft);
  }

  queued({ message_id }: Input<typeof queued>) {
    return this.deliveries.findQueued(message_id);
  }

  confirmReceipt(receipt: Input<typeof confirmReceipt>, { actor }: CallContext) {
    return this.receipts.confirm(actor.userId, receipt);
  }

  haveWritten({ user_id, other_id }: Input<typeof haveWritten>) {
    return this.messages.haveWritten(user_id, other_id);
  }

  pending(_none: object, { actor }: CallContext) {
    return this.deliveries.listPending(actor.userId);
  }

  acknowledge({ message_id }: Input<typeof acknowledge>, { actor, key }: CallContext) {
    return this.deliveries.acknowledge(actor.userId, key, message_id);
  }

  exists({ message_id }: Input<typeof exists>) {
    return this.messages.exists(message_id);
  }

  adopt(message: Input<typeof adopt>) {
    return this.deliveries.adopt(message);
  }

  acknowledgeAdopted({ message_id, sender_id }: Input<typeof acknowledgeAdopted>, { actor, key }: CallContext) {
    return this.deliveries.acknowledgeAdopted(actor.userId, key, message_id, sender_id ?? null);
  }

  settled({ message_ids }: Input<typeof settled>, { actor }: CallContext) {
    return this.deliveries.listSettled(actor.userId, message_ids);
  }

  queueStats() {
    return this.deliveries.stats();
  }

  dropExpired() {
    return this.deliveries.dropExpired();
  }

  purge({ user_id }: Input<typeof purge>) {
    return this.removals.purge(user_id);
  }
}
