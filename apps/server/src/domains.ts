import type { DomainName } from '@banyan/domains';
import { AuthModule } from '@banyan/auth/auth.module';
import { authContract } from '@banyan/auth/contract';
import { groupContract } from '@banyan/group/contract';
import { GroupModule } from '@banyan/group/group.module';
import { adminContract } from '@banyan/migration/routes/contract';
import { mediaContract } from '@banyan/media/contract';
import { MediaModule } from '@banyan/media/media.module';
import { messageContract } from '@banyan/message/contract';
import { MessageModule } from '@banyan/message/message.module';
import { notificationContract } from '@banyan/notification/contract';
import { NotificationModule } from '@banyan/notification/notification.module';
import type { Contract } from '@banyan/platform/contract';
import { relayContract } from '@banyan/relay/contract';
import { RelayModule } from '@banyan/relay/relay.module';
import { userContract } from '@banyan/user/contract';
import { UserModule } from '@banyan/user/user.module';
import { websocketContract } from '@banyan/websocket/contract';
import { WebsocketModule } from '@banyan/websocket/websocket.module';
import type { Type } from '@nestjs/common';

/** Each domain's contract, which every process knows, and the module that serves it. */
export const domainTable: Readonly<Record<DomainName, { readonly contract: Contract; readonly module: Type }>> = {
  auth: { contract: authContract, module: AuthModule },
  user: { contract: userContract, module: UserModule },
  message: { contract: messageContract, module: MessageModule },
  group: { contract: groupContract, module: GroupModule },
  media: { contract: mediaContract, module: MediaModule },
  relay: { contract: relayContract, module: RelayModule },
  notification: { contract: notificationContract, module: NotificationModule },
  websocket: { contract: websocketContract, module: WebsocketModule },
};

export const contracts = Object.values(domainTable).map(({ contract }) => contract);

/** What clients reach over HTTP: the domains, and what operators do to them. */
export const edgeContracts: readonly Contract[] = [...contracts, adminContract];
