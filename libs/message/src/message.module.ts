import { dataOf } from '@banyan/platform/nest/databases';
import { Module } from '@nestjs/common';
import { AttachmentService } from './attachment.service';
import { DeliveryService } from './delivery.service';
import { DeliveryStore } from './delivery.store';
import { MessageController } from './message.controller';
import { MessageHandlers } from './message.handlers';
import { MessageService } from './message.service';
import { MessageStore } from './message.store';
import { ReceiptService } from './receipt.service';
import { RemovalService } from './removal.service';
import { RemovalStore } from './removal.store';

@Module({
  controllers: [MessageController],
  providers: [
    ...dataOf('message'),
    AttachmentService,
    MessageHandlers,
    MessageService,
    MessageStore,
    DeliveryService,
    DeliveryStore,
    ReceiptService,
    RemovalService,
    RemovalStore,
  ],
})
export class MessageModule {}
