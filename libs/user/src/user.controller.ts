import { type CallContext, type Handlers, type Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import {
  type canMessage,
  type createProfile,
  type find,
  type findByEmail,
  type profile,
  type search,
  type setPublicKey,
  type storeKeyBackup,
  userContract,
} from './contract';
import { UserService } from './user.service';

@Serves(userContract)
export class UserController implements Handlers<typeof userContract> {
  constructor(private readonly users: UserService) {}

  createProfile(draft: Input<typeof createProfile>) {
    return this.users.createProfile(draft);
  }

  profile({ user_id }: Input<typeof profile>) {
    return this.users.getProfile(user_id);
  }

  find({ user_id }: Input<typeof find>) {
    return this.users.getPublicProfile(user_id);
  }

  search({ email }: Input<typeof search>) {
    return this.users.search(email);
  }

  findByEmail({ email }: Input<typeof findByEmail>) {
    return this.users.getByEmail(email);
  }

  setPublicKey({ public_key }: Input<typeof setPublicKey>, { actor }: CallContext) {
    return this.users.setPublicKey(actor.userId, public_key);
  }

  keyBackup(_none: object, { actor }: CallContext) {
    return this.users.getKeyBackup(actor.userId);
  }

  storeKeyBackup({ encrypted_private_key }: Input<typeof storeKeyBackup>, { actor }: CallContext) {
    return this.users.storeKeyBackup(actor.userId, encrypted_private_key);
  }

  canMessage({ from, to }: Input<typeof canMessage>) {
    return this.users.canMessage(from, to);
  }
}
