import type { Settings } from '@banyan/platform/config/table';
import { dataOf } from '@banyan/platform/nest/databases';
import { JWT_SECRET, SETTINGS } from '@banyan/platform/nest/inject';
import { Module } from '@nestjs/common';
import { AccessTokens } from './access-tokens';
import { AuthController } from './auth.controller';
import { AuthService } from './auth.service';
import { AuthStore } from './auth.store';
import { Passwords } from './passwords';

@Module({
  controllers: [AuthController],
  providers: [
    ...dataOf('auth'),
    AuthService,
    AuthStore,
    Passwords,
    {
      provide: AccessTokens,
      inject: [JWT_SECRET, SETTINGS],
      useFactory: (secret: string, { ACCESS_TOKEN_EXPIRE_MINUTES }: Settings) => new AccessTokens(secret, ACCESS_TOKEN_EXPIRE_MINUTES),
    },
  ],
})
export class AuthModule {}
