import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
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

/** The close code of RFC 6455's registry. */
const SERVICE_RESTART = 1012;

/** A stand-in for the legacy monolith, with the behaviour that is recorded of it, defects included. */
export class LegacyApp {
  private constructor(
    readonly url: string,
    /** Where faults are switched on, if it was asked for. */
    readonly control: string | undefined,
    private readonly server: Server,
    private readonly legacy: Legacy,
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
    const control = settings.controlPort === undefined ? undefined : await startControl(settings.controlPort, legacy);
    return new LegacyApp(url, control, server, legacy);
  }

  /** As uvicorn ends: nobody new is let in, sockets are told to come back later, requests under way are answered. */
  async stop(): Promise<void> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.legacy.sockets.closeAll(SERVICE_RESTART);
    await closed;
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
