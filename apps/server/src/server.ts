import type { AddressInfo } from 'node:net';
import { DataHomes } from '@banyan/migration/homes/data-homes';
import { adminContract } from '@banyan/migration/routes/contract';
import { RouteService } from '@banyan/migration/routes/route.service';
import { RoutesModule } from '@banyan/migration/routes/routes.module';
import { LegacySockets } from '@banyan/migration/sockets/legacy-sockets';
import { LegacySocketsModule } from '@banyan/migration/sockets/legacy-sockets.module';
import { jwtSecret } from '@banyan/platform/config/jwt-secret';
import { StartupError } from '@banyan/platform/config/startup-error';
import type { Settings } from '@banyan/platform/config/table';
import { NotificationService } from '@banyan/notification/notification.service';
import type { Carrier } from '@banyan/platform/dispatch/carrier';
import { currentContext } from '@banyan/platform/dispatch/context';
import { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import { LocalCarrier } from '@banyan/platform/dispatch/local.carrier';
import { KeepErrors, OperationServer } from '@banyan/platform/dispatch/server';
import type { Elsewhere } from '@banyan/platform/edge/elsewhere';
import { answerError, answerUnreadable } from '@banyan/platform/edge/answers';
import { BODY_LIMIT_BYTES } from '@banyan/platform/edge/body';
import type { Callers } from '@banyan/platform/edge/callers';
import { Credentials } from '@banyan/platform/edge/credentials';
import { BODY_MS } from '@banyan/platform/edge/early-body';
import { ElsewhereHook, mountEdge } from '@banyan/platform/edge/edge';
import { Frontend } from '@banyan/platform/edge/frontend';
import { Limits } from '@banyan/platform/keyvalue/limits';
import { mountObjectLinks } from '@banyan/platform/edge/download';
import { UPLOAD_MS } from '@banyan/platform/edge/uploads';
import { openObjects, prepareObjects } from '@banyan/platform/objects/open-objects';
import type { ObjectStore } from '@banyan/platform/objects/object-store';
import { SocketAdapter } from '@banyan/platform/edge/socket-adapter';
import { SocketPipe } from '@banyan/platform/edge/socket-pipe';
import { SocketPlaces } from '@banyan/platform/edge/socket-places';
import { mountSockets } from '@banyan/platform/edge/sockets';
import { acceptUpgrades } from '@banyan/platform/edge/upgrades';
import type { InstanceRegistry } from '@banyan/platform/host/instance-registry';
import { mountProbes } from '@banyan/platform/edge/probes';
import { mountDocumentation, mountLegacyServiceRoutes } from '@banyan/platform/edge/service-routes';
import { TokenVerifier } from '@banyan/platform/tokens/verifier';
import { reachOf } from '@banyan/platform/host/route-table';
import { InProcessKeyValue } from '@banyan/platform/keyvalue/in-process.keyvalue';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { RedisKeyValue } from '@banyan/platform/keyvalue/redis.keyvalue';
import { PlatformModule } from '@banyan/platform/nest/platform.module';
import { createLogger, type Logger } from '@banyan/platform/telemetry/log';
import { Metrics } from '@banyan/platform/telemetry/metrics';
import { NestLogger } from '@banyan/platform/telemetry/nest-logger';
import { AdoptedQueue } from '@banyan/relay/adopted-queue';
import { websocketContract } from '@banyan/websocket/contract';
import { OwnSockets } from '@banyan/websocket/own-sockets';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { mountAccountPages } from './account/pages';
import { CallerChanges } from './caller-changes';
import { openCallers, publishedKeys } from './callers';
import { contracts, domainTable, edgeContracts } from './domains';
import { startEvents } from './events';
import { publishAdoption, publishGauges, publishMail, publishUpstreams } from './gauges';
import { Maintenance } from './maintenance';
import { legacySockets, openLegacy } from './legacy';
import { mountJwks } from './jwks';
import { joinOthers } from './membership';
import { openRabbit } from './rabbit';
import { openStorage } from './storage';

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
    const pipe = new SocketPipe();
    const servesSockets = upstreams !== undefined || settings.SERVE.domains.includes('websocket');
    if (upstreams) publishUpstreams(metrics, app.get(LegacySockets, { strict: false }));
    if (settings.SERVE.edge || servesSockets) {
      mountSockets(fastify, {
        callers,
        adapter: sockets,
        pipe,
        places: settings.SERVE.edge ? new SocketPlaces(settings.SOCKET_LIMITS) : undefined,
        origins: settings.SERVE.edge ? [settings.PUBLIC_URL, ...settings.CORS_ORIGINS] : undefined,
        home: (userId) => (settings.SERVE.edge ? others.routes.routes.home('websocket', userId) : 'local'),
        workers: () => socketWorkers(others.instances, sockets.isServing),
        elsewhere: legacy?.home,
        beyond: legacy?.entrance,
        isDraining: () => isDraining,
      });
    }
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
        pipe.end();
        if (servesSockets) await app.get(OwnSockets, { strict: false }).drain();
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

/** Nest would answer unknown paths and errors in its own words; the edge has legacy's. */
class Adapter extends FastifyAdapter {
  override setErrorHandler(): never {
    return undefined as never;
  }

  override setNotFoundHandler(): never {
    return undefined as never;
  }
}

async function createApp(
  settings: Settings,
  log: Logger,
  { frontend, elsewhere, sockets }: { frontend?: Frontend; elsewhere?: Elsewhere; sockets: SocketAdapter },
  imports: (Type | DynamicModule)[],
): Promise<NestFastifyApplication> {
  const hook = elsewhere && new ElsewhereHook(elsewhere, edgeContracts);
  const options: FastifyServerOptions = {
    trustProxy: settings.TRUSTED_PROXIES.length > 0 ? [...settings.TRUSTED_PROXIES] : false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: elsewhere ? 0 : settings.SERVE.edge ? UPLOAD_MS : BODY_MS, // uploads may take their time; the edge limits other requests itself
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: 500 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: answerUnreadable,
    // A path that Fastify cannot even read is one that nothing here knows.
    frameworkErrors: (error, request, reply) => {
      const refuse = (reason: unknown) => void answerError(reason, request as never, reply as never, log);
      if (!hook) return refuse(error);
      hook.ask(request as never, reply as never).then((isTaken) => (isTaken ? undefined : refuse(error)), refuse);
    },
  };
  const adapter = new Adapter(options);
  frontend?.mount(adapter.getInstance() as never);
  // Before the monolith, which answers what nothing here knows: its pages are the old web client's.
  const take = async (request: FastifyRequest, reply: FastifyReply) => {
    const isTaken = await frontend?.take(request, reply);
    if (!isTaken) await hook?.onRequest(request, reply);
    return isTaken;
  };
  if (frontend || hook)
    adapter.setOnRequestHook(
      (request, reply, done) => void take(request as never, reply as never).then((isTaken) => (isTaken ? undefined : done()), done),
    );
  const app = await NestFactory.create<NestFastifyApplication>({ module: class Root {}, imports }, adapter, {
    logger: new NestLogger(log),
    bodyParser: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new KeepErrors());
  app.useWebSocketAdapter(sockets);
  return app;
}

/**
 * Of the processes that serve sockets the workers, in any order, so that all get some. Without one, the hosts, if this process serves none
 * itself: a host that asked hosts would ask itself, again and again.
 */
function socketWorkers(instances: InstanceRegistry, isServing: boolean): string[] {
  const workers = instances.candidates(websocketContract.operations.push, 'worker');
  const found = workers.length > 0 || isServing ? workers : instances.candidates(websocketContract.operations.push, 'host');
  const start = Math.floor(Math.random() * Math.max(1, found.length));
  return [...found.slice(start), ...found.slice(0, start)].map(({ url }) => url);
}

interface EdgeWiring {
  readonly app: NestFastifyApplication;
  readonly fastify: FastifyInstance;
  readonly settings: Settings;
  readonly callers: Callers;
  readonly credentials: Credentials;
  readonly dispatcher: Dispatcher;
  readonly keyvalue: KeyValue;
  readonly objects: ObjectStore;
  readonly metrics: Metrics;
  readonly log: Logger;
}

async function openEdge({ app, fastify, settings, keyvalue, ...parts }: EdgeWiring): Promise<void> {
  app.enableCors({
    origin: [...settings.CORS_ORIGINS],
    credentials: true,
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'], // the plugin's own list lacks the last three
    exposedHeaders: ['Retry-After', 'Idempotency-Key'], // a page repeats a request with them
    maxAge: 600,
    strictPreflight: false, // an OPTIONS that is no preflight is harmless, and the plugin's refusal is not in our words
    optionsSuccessStatus: 200,
  });
  mountDocumentation(app, edgeContracts, settings.PUBLIC_URL);
  mountJwks(fastify, parts.dispatcher);
  mountLegacyServiceRoutes(fastify, settings.DATABASE_URL ? 'production' : 'development');
  mountAccountPages(fastify, { app: settings.MAIL_FROM.name, appUrl: settings.FRONTEND_URL });
  mountObjectLinks(fastify, parts.objects);
  const limits = new Limits(settings.RATE_LIMITS, keyvalue);
  mountEdge(fastify, { contracts: edgeContracts, limits, ...parts });
}

/** Take no more, answer what was taken. */
async function closeListener(app: NestFastifyApplication): Promise<void> {
  // A connection whose answer was being written when the closing began turns idle after it, and would be waited for until its client goes.
  const closeIdle = setInterval(() => app.getHttpServer().closeIdleConnections(), 50);
  try {
    await app.close();
  } finally {
    clearInterval(closeIdle);
  }
}

async function listen(fastify: FastifyInstance, { PORT, BIND }: Settings): Promise<string> {
  try {
    // Not Nest's own listen: it reports a taken port as an error of ours before we can say it in words.
    await fastify.listen({ port: PORT, host: BIND });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'EADDRINUSE') throw new StartupError(`Port ${PORT} is taken; set PORT to another one, or stop what uses it.`);
    if (code === 'EACCES') throw new StartupError(`This user may not use port ${PORT}; set PORT to one above 1023.`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
      throw new StartupError(`BIND should be an address of this machine; ${BIND} is not.`);
    throw error;
  }
  const { port } = fastify.server.address() as AddressInfo;
  return `http://${BIND === '0.0.0.0' || BIND === '::' ? 'localhost' : BIND.includes(':') ? `[${BIND}]` : BIND}:${port}`;
}
