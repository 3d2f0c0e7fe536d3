import { dataOf } from '@banyan/platform/nest/databases';
import { Module } from '@nestjs/common';
import { MediaController } from './media.controller';
import { MediaHandlers } from './media.handlers';
import { MediaService } from './media.service';
import { MediaStore } from './media.store';

@Module({
  controllers: [MediaController],
  providers: [...dataOf('media'), MediaStore, MediaService, MediaHandlers],
})
export class MediaModule {}
