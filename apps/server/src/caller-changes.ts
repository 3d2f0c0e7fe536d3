import { roleChanged } from '@banyan/auth/contract';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue } from '@banyan/platform/nest/inject';
import { userChanged } from '@banyan/user/contract';

/** On this channel every edge hears whose account is not as it was. */
export const CALLER_CHANGED = 'caller.changed';

/** An event reaches one process; the callers that edges remember are in all of them. */
@Subscriber('edge')
export class CallerChanges {
  constructor(@InjectKeyValue() private readonly keyvalue: KeyValue) {}

  @On(userChanged)
  async tellEveryEdge({ data }: Delivered<typeof userChanged>): Promise<void> {
    await this.keyvalue.publish(CALLER_CHANGED, data.user_id);
  }

  @On(roleChanged)
  async tellOfRole({ data }: Delivered<typeof roleChanged>): Promise<void> {
    await this.keyvalue.publish(CALLER_CHANGED, data.user_id);
  }
}
