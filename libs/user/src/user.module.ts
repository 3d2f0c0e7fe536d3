import { dataOf } from '@banyan/platform/nest/databases';
import { JWT_SECRET } from '@banyan/platform/nest/inject';
import { Module } from '@nestjs/common';
import { AdminService } from './admin.service';
import { BlockService } from './block.service';
import { BlockStore } from './block.store';
import { ContactService } from './contact.service';
import { ContactStore } from './contact.store';
import { InvitationService } from './invitation.service';
import { InvitationStore } from './invitation.store';
import { InvitationTokens } from './invitation-tokens';
import { KeyBackupService } from './key-backup.service';
import { KeyBackupStore } from './key-backup.store';
import { PurgeStore } from './purge.store';
import { UserController } from './user.controller';
import { UserHandlers } from './user.handlers';
import { UserService } from './user.service';
import { UserStore } from './user.store';

@Module({
  controllers: [UserController],
  providers: [
    ...dataOf('user'),
    UserStore,
    KeyBackupStore,
    ContactStore,
    BlockStore,
    InvitationStore,
    PurgeStore,
    { provide: InvitationTokens, useFactory: (secret: string) => new InvitationTokens(secret), inject: [JWT_SECRET] },
    UserService,
    KeyBackupService,
    ContactService,
    BlockService,
    InvitationService,
    AdminService,
    UserHandlers,
  ],
})
export class UserModule {}
