import { type DynamicModule, Module } from '@nestjs/common';
import { RouteService } from './route.service';
import { RoutesController } from './routes.controller';

@Module({})
export class RoutesModule {
  static with(routes: RouteService): DynamicModule {
    return { module: RoutesModule, controllers: [RoutesController], providers: [{ provide: RouteService, useValue: routes }] };
  }
}
