import { roleChanged, sessionRevoked, userRemoved } from '@banyan/auth/contract';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue } from '@banyan/platform/nest/inject';
import { CallerState } from '@banyan/platform/tokens/caller-state';
import { userChanged } from '@banyan/user/contract';

/** An event reaches one process; the callers that edges remember are in all of them. What could not be said at once is said here. */
@Subscriber('edge')
export class CallerChanges {
  private readonly state: CallerState;

  constructor(@InjectKeyValue() keyvalue: KeyValue) {
    this.state = new CallerState(keyvalue);
  }

  @On(userChanged)
  async tellEveryEdge({ data }: Delivered<typeof userChanged>): Promise<void> {
    await this.state.generations.renew(data.user_id);
  }

  @On(roleChanged)
  async tellOfRole({ data }: Delivered<typeof roleChanged>): Promise<void> {
    await this.state.generations.renew(data.user_id);
  }

  @On(sessionRevoked)
  async tellOfEndedSession({ data }: Delivered<typeof sessionRevoked>): Promise<void> {
    await this.state.generations.renew(data.user_id);
  }

  @On(userRemoved)
  async tellOfRemoval({ data }: Delivered<typeof userRemoved>): Promise<void> {
    await this.state.generations.renew(data.user_id);
  }
}
