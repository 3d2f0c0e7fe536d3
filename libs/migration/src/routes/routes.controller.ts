import type { CallContext, Handlers, Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import { WINDOW_SECONDS } from '@banyan/platform/telemetry/traffic';
import { adminContract, type changeRoute } from './contract';
import { RouteService } from './route.service';
import { toHundred } from './shares';

@Serves(adminContract)
export class RoutesController implements Handlers<typeof adminContract> {
  constructor(private readonly routes: RouteService) {}

  async listRoutes() {
    return { window_seconds: WINDOW_SECONDS, routes: await this.routes.list() };
  }

  changeRoute({ domain, remote, legacy, local, reason, previous, force }: Input<typeof changeRoute>, { actor }: CallContext) {
    const to = { remote, local: local ?? toHundred(remote, legacy), legacy };
    return this.routes.change({ domain, to, by: `user ${actor.userId}`, why: reason, previous: previous ?? undefined, force });
  }
}
