import type { CallContext, Handlers, Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import { type acknowledge, type adopt, relayContract, type send } from './contract';
import { RelayService } from './relay.service';

@Serves(relayContract)
export class RelayController implements Handlers<typeof relayContract> {
  constructor(private readonly relay: RelayService) {}

  send(draft: Input<typeof send>, { actor }: CallContext) {
    return this.relay.send(actor.userId, draft);
  }

  adopt(message: Input<typeof adopt>) {
    return this.relay.adopt(message);
  }

  pending(_none: object, { actor }: CallContext) {
    return this.relay.list(actor.userId, false);
  }

  queue(_none: object, { actor }: CallContext) {
    return this.relay.list(actor.userId, true);
  }

  acknowledge({ message_id }: Input<typeof acknowledge>, { actor }: CallContext) {
    return this.relay.acknowledge(actor.userId, message_id);
  }

  stats() {
    return this.relay.stats();
  }

  cleanup() {
    return this.relay.cleanup();
  }
}
