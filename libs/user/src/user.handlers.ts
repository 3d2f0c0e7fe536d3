import { userRegistered } from '@banyan/auth/contract/events';
import { type Delivered, On } from '@banyan/platform/events/subscriptions';
import { Injectable } from '@nestjs/common';
import { UserService } from './user.service';

@Injectable()
export class UserHandlers {
  constructor(private readonly users: UserService) {}

  /** Registration asks for the profile itself; this makes it if that call was lost. */
  @On(userRegistered)
  async createMissingProfile({ data }: Delivered<typeof userRegistered>): Promise<void> {
    await this.users.createProfile(data);
  }
}
