import { dataOf } from '@banyan/platform/nest/databases';
import { Module } from '@nestjs/common';
import { UserController } from './user.controller';
import { UserHandlers } from './user.handlers';
import { UserService } from './user.service';
import { UserStore } from './user.store';

@Module({ controllers: [UserController], providers: [...dataOf('user'), UserService, UserStore, UserHandlers] })
export class UserModule {}
