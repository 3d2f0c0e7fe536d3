import { dataOf } from '@banyan/platform/nest/databases';
import { Module } from '@nestjs/common';
import { GroupController } from './group.controller';
import { GroupHandlers } from './group.handlers';
import { GroupService } from './group.service';
import { GroupStore } from './group.store';
import { MemberService } from './member.service';
import { MemberStore } from './member.store';
import { MessageService } from './message.service';
import { MessageStore } from './message.store';
import { RemovalService } from './removal.service';
import { RemovalStore } from './removal.store';

@Module({
  controllers: [GroupController],
  providers: [
    ...dataOf('group'),
    GroupStore,
    MemberStore,
    MessageStore,
    RemovalStore,
    GroupService,
    MemberService,
    MessageService,
    RemovalService,
    GroupHandlers,
  ],
})
export class GroupModule {}
