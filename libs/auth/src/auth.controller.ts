import { type Actor, type CallContext, type Handlers, type Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import { AuthService } from './auth.service';
import { authContract, type caller, type login, type register } from './contract';

@Serves(authContract)
export class AuthController implements Handlers<typeof authContract> {
  constructor(private readonly auth: AuthService) {}

  register(draft: Input<typeof register>, { key }: CallContext<Actor>) {
    return this.auth.register(draft, key);
  }

  login({ email, password }: Input<typeof login>) {
    return this.auth.login(email, password);
  }

  me(_none: object, { actor }: CallContext) {
    return this.auth.getMe(actor.userId);
  }

  caller({ user_id }: Input<typeof caller>) {
    return this.auth.getCaller(user_id);
  }
}
