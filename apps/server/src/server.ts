import { DataHomes } from '@banyan/migration/homes/data-homes';
import { adminContract } from '@banyan/migration/routes/contract';
import { RouteService } from '@banyan/migration/routes/route.service';
import { RoutesModule } from '@banyan/migration/routes/routes.module';
import { LegacySocketsModule } from '@banyan/migration/sockets/legacy-sockets.module';
import { jwtSecret } from '@banyan/platform/config/jwt-secret';
import type { Settings } from '@banyan/platform/config/table';
import { NotificationService } from '@banyan/notification/notification.service';
import type { Carrier } from '@banyan/platform/dispatch/carrier';
import { currentContext } from '@banyan/platform/dispatch/context';
import { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { LocalCarrier } from '@banyan/platform/dispatch/local.carrier';
import { OperationServer } from '@banyan/platform/dispatch/server';
import { Credentials } from '@banyan/platform/edge/credentials';
import { Frontend } from '@banyan/platform/edge/frontend';
import { openObjects, prepareObjects } from '@banyan/platform/objects/open-objects';
import { SocketAdapter } from '@banyan/platform/edge/socket-adapter';
import { acceptUpgrades } from '@banyan/platform/edge/upgrades';
import { mountProbes } from '@banyan/platform/edge/probes';
import { TokenVerifier } from '@banyan/platform/tokens/verifier';
import { reachOf } from '@banyan/platform/host/route-table';
import { InProcessKeyValue } from '@banyan/platform/keyvalue/in-process.keyvalue';
import { RedisKeyValue } from '@banyan/platform/keyvalue/redis.keyvalue';
import { PlatformModule } from '@banyan/platform/nest/platform.module';
import { createLogger, type Logger } from '@banyan/platform/telemetry/log';
import { Metrics } from '@banyan/platform/telemetry/metrics';
import { AdoptedQueue } from '@banyan/relay/adopted-queue';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { CallerChanges } from './caller-changes';
import { openCallers, publishedKeys } from './callers';
import { contracts, domainTable } from './domains';
import { startEvents } from './events';
import { publishAdoption, publishGauges, publishMail } from './gauges';
import { Maintenance } from './maintenance';
import { legacySockets, openLegacy } from './legacy';
import { joinOthers } from './membership';
import { openRabbit } from './rabbit';
import { openStorage } from './storage';
import { openEdge } from './edge';
import { closeListener, createApp, listen } from './listener';
import { openSockets } from './sockets';

export interface RunningServer {
  /** e.g. `http://127.0.0.1:8000` */
  readonly url: string;
  readonly app: NestFastifyApplication;
  /** Not ready, stop taking, finish, flush, leave. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly log?: Logger;
  /** Tests put a carrier in front that holds calls to what a real one demands. */
  readonly wrapCarrier?: (carrier: Carrier) => Carrier;
}

/** The one program. What it serves (edge, domains) is a setting. @throws StartupError */
export async function startServer(
  settings: Settings,
  { log = logFor(settings), wrapCarrier = (carrier) => carrier }: ServerOptions = {},
): Promise<RunningServer> {
  const secret = await jwtSecret(settings);
  const frontend = settings.SERVE.edge && settings.FRONTEND_DIR ? await Frontend.open(settings.FRONTEND_DIR) : undefined;
  const metrics = new Metrics();
  const storage = await openStorage(settings, log);
  const keyvalue = settings.REDIS_URL
    ? await RedisKeyValue.open(settings.REDIS_URL, { log })
    : new InProcessKeyValue({ onListenerError: (error) => log.error({ err: error }, 'a listener failed') });
  const objects = openObjects(settings, secret);
  let leave = () => Promise.resolve();
  try {
    if (settings.SERVE.edge || settings.SERVE.domains.includes('media')) await prepareObjects(objects, log);
    const others = await joinOthers(storage, settings, metrics, log);
    leave = () => others.leave();
    await storage.follow(others.dataHomes);
    const rabbit = await openRabbit(settings, others, log);
    leave = async () => {
      await others.leave();
      await rabbit?.close();
    };
    const served = settings.SERVE.domains.map((domain) => domainTable[domain]);
    const administered = settings.SERVE.edge ? [adminContract] : [];
    const server = new OperationServer([...served.map(({ contract }) => contract), ...administered]);
    const dispatcher = new Dispatcher(
      others.routes.routes,
      { local: wrapCarrier(new LocalCarrier(server)), remote: rabbit?.carrier, serves: (domain) => server.serves(domain) },
      metrics,
    );
    const host = { database: storage.host, routes: others.routes };
    const homes = new DataHomes(storage.host, settings.ROUTES, storage.reach);
    const verifier = new TokenVerifier(secret, publishedKeys(dispatcher));
    const credentials = new Credentials(settings.PUBLIC_URL, settings.CORS_ORIGINS);
    const callers = await openCallers(verifier, dispatcher, keyvalue);
    const legacy = openLegacy({
      settings,
      secret,
      routes: others.routes,
      dataHomes: others.dataHomes,
      host: storage.host,
      dispatcher,
      verifier,
      callers,
      credentials,
      metrics,
      log,
    });
    const upstreams = legacySockets({ settings, routes: others.routes, dataHomes: others.dataHomes, dispatcher, log });
    const sockets = new SocketAdapter();
    const app = await createApp(settings, log, { frontend, elsewhere: legacy?.home, sockets }, [
      PlatformModule.with({
        settings,
        jwtSecret: secret,
        log,
        keyvalue,
        objects,
        databases: storage.databases,
        dispatcher,
        contracts,
        host,
      }),
      ...served.map(({ module }) => module),
      { module: CallerChanges, providers: [CallerChanges] },
      ...(upstreams ? [LegacySocketsModule.with(upstreams)] : []),
      ...(settings.SERVE.edge
        ? [RoutesModule.with(new RouteService(storage.host, settings.ROUTES, reachOf(settings), { homes, probe: legacy?.probe }))]
        : []),
    ]);
    const fastify = app.getHttpAdapter().getInstance() as unknown as FastifyInstance;
    acceptUpgrades(fastify);
    let isDraining = false;
    const checks = () =>
      Object.fromEntries([...storage.sources()].map(([domain, source]) => [`${domain} database`, () => source.query('SELECT 1')]));
    mountProbes(fastify, { checks, isDraining: () => isDraining, metrics });
    publishGauges(metrics, storage);
    if (settings.SERVE.domains.includes('notification')) publishMail(metrics, app.get(NotificationService, { strict: false }));
    if (settings.SERVE.domains.includes('relay'))
      publishAdoption(metrics, app.get<AdoptedQueue | undefined>(AdoptedQueue, { strict: false }));
    const clients = openSockets({
      app,
      fastify,
      settings,
      adapter: sockets,
      callers,
      others,
      legacy,
      upstreams,
      metrics,
      isDraining: () => isDraining,
    });
    if (settings.SERVE.edge) await openEdge({ app, fastify, settings, callers, credentials, dispatcher, keyvalue, objects, metrics, log });
    app.connectMicroservice({ strategy: server }, { inheritAppConfig: true });
    await app.init();
    await app.startAllMicroservices();
    const events = startEvents({ app, storage, rabbit, routes: others.routes.routes, serve: settings.SERVE });
    const maintenance = new Maintenance(storage.databases, dispatcher, settings.SERVE.domains, log);
    maintenance.start();
    const url = await listen(fastify, settings);
    const advertise = (queue: string) => others.advertise(url, queue);
    await advertise(
      (await rabbit?.consume(
        server,
        (queue) => void advertise(queue).catch((error: unknown) => log.warn({ err: error }, 'queue not told')),
      )) ?? '',
    );
    return {
      url,
      app,
      stop: async () => {
        isDraining = true;
        await others.drain();
        await maintenance.stop();
        await clients.drain();
        await rabbit?.drain();
        await closeListener(app);
        legacy?.close();
        await events.stop();
        await leave();
        await objects.close();
        await keyvalue.close();
        await storage.close();
      },
    };
  } catch (error) {
    await leave();
    await objects.close();
    await keyvalue.close();
    await storage.close();
    throw error;
  }
}

function logFor({ LOG_LEVEL }: Settings): Logger {
  return createLogger({ level: LOG_LEVEL, traceIdOf: () => currentContext()?.trace.traceId });
}
