import type { Settings } from '@banyan/platform/config/table';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { Limits } from '@banyan/platform/keyvalue/limits';
import { dataOf } from '@banyan/platform/nest/databases';
import { JWT_SECRET, KEYVALUE, SETTINGS } from '@banyan/platform/nest/inject';
import { CallerState } from '@banyan/platform/tokens/caller-state';
import { PublishedKeys } from '@banyan/platform/tokens/published-keys';
import { TokenVerifier } from '@banyan/platform/tokens/verifier';
import { Module } from '@nestjs/common';
import { AccessTokens } from './access-tokens';
import { AuthConfig } from './auth.config';
import { AuthController } from './auth.controller';
import { AuthService } from './auth.service';
import { AuthStore } from './auth.store';
import { AuthWorker } from './auth.worker';
import { Devices } from './devices';
import { LinkKey, LinkService } from './link.service';
import { LinkStore } from './link.store';
import { PasswordService } from './password.service';
import { Passwords } from './passwords';
import { RefreshTokens } from './refresh-tokens';
import { RemovalService } from './removal.service';
import { RemovalStore } from './removal.store';
import { SessionService } from './session.service';
import { SessionStore } from './session.store';
import { SignInGuard } from './sign-in-guard';
import { SigningKeys } from './signing-keys';
import { SigningKeyStore } from './signing-key.store';

/** Made of the secret alone. */
const ofSecret = <T>(part: new (secret: string) => T) => ({
  provide: part,
  inject: [JWT_SECRET],
  useFactory: (secret: string) => new part(secret),
});

@Module({
  controllers: [AuthController],
  providers: [
    ...dataOf('auth'),
    AuthService,
    AuthStore,
    AuthWorker,
    LinkService,
    LinkStore,
    PasswordService,
    Passwords,
    RemovalService,
    RemovalStore,
    SessionService,
    SessionStore,
    SigningKeys,
    SigningKeyStore,
    ...[Devices, LinkKey, RefreshTokens].map((part) => ofSecret<Devices | LinkKey | RefreshTokens>(part)),
    {
      provide: AuthConfig,
      inject: [SETTINGS, JWT_SECRET],
      useFactory: (settings: Settings, secret: string) => new AuthConfig(settings, secret),
    },
    {
      provide: AccessTokens,
      inject: [JWT_SECRET, AuthConfig, SigningKeys],
      useFactory: (secret: string, { tokenMs }: AuthConfig, keys: SigningKeys) =>
        new AccessTokens(secret, tokenMs / 1_000, () => keys.current()),
    },
    {
      provide: TokenVerifier,
      inject: [JWT_SECRET, SigningKeys],
      useFactory: (secret: string, keys: SigningKeys) => new TokenVerifier(secret, new PublishedKeys(() => keys.published())),
    },
    { provide: CallerState, inject: [KEYVALUE], useFactory: (keyvalue: KeyValue) => new CallerState(keyvalue) },
    {
      provide: SignInGuard,
      inject: [SETTINGS, KEYVALUE],
      useFactory: ({ RATE_LIMITS }: Settings, keyvalue: KeyValue) => new SignInGuard(new Limits(RATE_LIMITS, keyvalue)),
    },
  ],
})
export class AuthModule {}
