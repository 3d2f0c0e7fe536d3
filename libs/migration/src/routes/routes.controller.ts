import type { CallContext, Handlers, Input } from '@banyan/platform/contract';
import { Serves } from '@banyan/platform/dispatch/serves';
import { WINDOW_SECONDS } from '@banyan/platform/telemetry/traffic';
import { adminContract, type changeRoute } from './contract';
import { RouteService } from './route.service';

@Serves(adminContract)
export class RoutesController implements Handlers<typeof adminContract> {
  constructor(private readonly routes: RouteService) {}

  async listRoutes() {
    return { window_seconds: WINDOW_SECONDS, routes: await this.routes.list() };
  }

  changeRoute({ domain, remote, local, legacy, reason, previous, force }: Input<typeof changeRoute>, { actor }: CallContext) {
    const by = `user ${actor.userId}`;
    return this.routes.change({ domain, to: { remote, local, legacy }, by, why: reason, previous: previous ?? undefined, force });
  }
}
