import { userRegistered } from '@banyan/auth/contract/events';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { UserService } from './user.service';

@Subscriber('user')
export class UserHandlers {
  constructor(private readonly users: UserService) {}

  /** Registration asks for the profile itself; this makes it if that call was lost. */
  @On(userRegistered)
  async createMissingProfile({ data }: Delivered<typeof userRegistered>): Promise<void> {
    await this.users.createProfile(data);
  }
}
