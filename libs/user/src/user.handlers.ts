import { roleChanged, userRegistered } from '@banyan/auth/contract/events';
import { isError } from '@banyan/platform/contract';
import type { Delivered } from '@banyan/platform/events/stored-event';
import { On, Subscriber } from '@banyan/platform/events/subscriptions';
import { UserNotFound } from './contract';
import { UserService } from './user.service';

@Subscriber('user')
export class UserHandlers {
  constructor(private readonly users: UserService) {}

  /** Registration asks for the profile itself; this makes it if that call was lost. Who has been removed since gets none. */
  @On(userRegistered)
  async createMissingProfile({ data }: Delivered<typeof userRegistered>): Promise<void> {
    await this.users.createProfile(data).catch((error: unknown) => {
      if (!isError(error, UserNotFound)) throw error;
    });
  }

  @On(roleChanged)
  async copyRole({ data }: Delivered<typeof roleChanged>): Promise<void> {
    await this.users.copyRole(data.user_id, data.role);
  }
}
