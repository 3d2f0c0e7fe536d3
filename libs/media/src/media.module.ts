import { dataOf } from '@banyan/platform/nest/databases';
import { Module } from '@nestjs/common';
import { MediaController } from './media.controller';
import { MediaHandlers } from './media.handlers';
import { MediaService } from './media.service';
import { MediaStore } from './media.store';
import { RemovalService } from './removal.service';

@Module({
  controllers: [MediaController],
  providers: [...dataOf('media'), MediaStore, MediaService, RemovalService, MediaHandlers],
})
export class MediaModule {}
