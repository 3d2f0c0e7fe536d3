import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { adminRoutes } from './admin';
import { authRoutes } from './auth';
import { contactRoutes } from './contacts';
import { startControl } from './control';
import { Database } from './database';
import { groupRoutes } from './groups';
import { listen, serve } from './http';
import { invitationRoutes } from './invitations';
import { mediaRoutes } from './media';
import { messageRoutes } from './messages';
import type { Legacy } from './legacy';
import { relayRoutes } from './relay';
import { RelayQueue } from './relay-queue';
import { Router } from './router';
import { serviceRoutes } from './service';
import type { Settings } from './settings';
import { Sockets } from './sockets';
import { acceptSockets } from './upgrade';
import { Tokens } from './tokens';
import { userRoutes } from './users';

/** A stand-in for the legacy monolith, with the behaviour that is recorded of it, defects included. */
export class LegacyApp {
  private constructor(
    readonly url: string,
    /** Where faults are switched on, if it was asked for. */
    readonly control: string | undefined,
  ) {}

  static async start(settings: Settings): Promise<LegacyApp> {
    const db = new Database(settings.databaseUrl, settings.poolSize);
    await db.createTables();
    const legacy: Legacy = {
      settings,
      db,
      tokens: new Tokens(settings),
      sockets: new Sockets(),
      relay: new RelayQueue(),
      mails: [],
      faults: { failsMessageWrites: settings.failsMessageWrites },
    };
    await pause(settings.startupMs);
    const server = createServer(serve(routes(legacy).find));
    acceptSockets(server, legacy);
    const url = await listen(server, settings.port);
    return new LegacyApp(url, settings.controlPort === undefined ? undefined : await startControl(settings.controlPort, legacy));
  }
}

function routes(legacy: Legacy): Router {
  const router = new Router((authorization) => legacy.tokens.authenticate(legacy.db, authorization));
  serviceRoutes(router, legacy);
  authRoutes(router, legacy);
  userRoutes(router, legacy);
  contactRoutes(router, legacy);
  messageRoutes(router, legacy);
  relayRoutes(router, legacy);
  groupRoutes(router, legacy);
  mediaRoutes(router, legacy);
  invitationRoutes(router, legacy);
  adminRoutes(router, legacy);
  return router;
}
