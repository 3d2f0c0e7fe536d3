import { type Actor, type CallContext, type Handlers, type Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import { AuthService } from './auth.service';
import {
  authContract,
  type caller,
  type changePassword,
  type endSession,
  type forgotPassword,
  type link,
  type login,
  type refresh,
  type register,
  type removeAccount,
  type removeMe,
  type resendVerification,
  type resetPassword,
  type verify,
  type verifyEmail,
} from './contract';
import { LinkService } from './link.service';
import { PasswordService } from './password.service';
import { RemovalService } from './removal.service';
import { SessionService } from './session.service';
import { SigningKeys } from './signing-keys';

@Serves(authContract)
export class AuthController implements Handlers<typeof authContract> {
  constructor(
    private readonly auth: AuthService,
    private readonly sessionsOf: SessionService,
    private readonly passwords: PasswordService,
    private readonly links: LinkService,
    private readonly removals: RemovalService,
    private readonly signingKeys: SigningKeys,
  ) {}

  register(draft: Input<typeof register>, context: CallContext<Actor>) {
    return this.auth.register(draft, context.key, context);
  }

  login({ email, password, device_token }: Input<typeof login>, { device, ...context }: CallContext<Actor>) {
    return this.auth.login(email, password, { ...context, device: device_token ?? device });
  }

  refresh({ refresh_token }: Input<typeof refresh>) {
    return this.sessionsOf.refresh(refresh_token);
  }

  logout(_none: object, { actor }: CallContext) {
    return this.sessionsOf.logout(actor);
  }

  logoutAll(_none: object, { actor }: CallContext) {
    return this.sessionsOf.logoutAll(actor.userId);
  }

  sessions(_none: object, { actor }: CallContext) {
    return this.sessionsOf.list(actor.userId, actor.sessionId);
  }

  endSession({ session_id }: Input<typeof endSession>, { actor }: CallContext) {
    return this.sessionsOf.end(actor.userId, session_id);
  }

  changePassword({ current_password, new_password }: Input<typeof changePassword>, context: CallContext) {
    return this.passwords.change(context.actor, current_password, new_password, context);
  }

  forgotPassword({ email }: Input<typeof forgotPassword>) {
    return this.links.request('reset_password', email);
  }

  resetPassword({ token, password }: Input<typeof resetPassword>, context: CallContext<Actor>) {
    return this.passwords.reset(token, password, context);
  }

  verifyEmail({ token }: Input<typeof verifyEmail>) {
    return this.links.verifyEmail(token);
  }

  resendVerification({ email }: Input<typeof resendVerification>) {
    return this.links.request('verify_email', email);
  }

  me(_none: object, { actor }: CallContext) {
    return this.auth.getMe(actor.userId);
  }

  removeMe({ password }: Input<typeof removeMe>, context: CallContext) {
    return this.removals.removeMe(context.actor, password, context, context.key);
  }

  removeAccount({ admin_id, user_id }: Input<typeof removeAccount>, { actor, key }: CallContext) {
    return this.removals.removeByAdmin(actor, admin_id, user_id, key);
  }

  caller({ user_id, session_id }: Input<typeof caller>) {
    return this.sessionsOf.getCaller(user_id, session_id);
  }

  verify({ token }: Input<typeof verify>) {
    return this.sessionsOf.verify(token);
  }

  link({ user_id, purpose, request_id }: Input<typeof link>) {
    return this.links.get(user_id, purpose, request_id);
  }

  keys() {
    return this.signingKeys.published();
  }

  rotateKeys() {
    return this.signingKeys.rotate();
  }
}
