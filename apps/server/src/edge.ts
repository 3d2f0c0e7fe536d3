import type { Settings } from '@banyan/platform/config/table';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import type { Callers } from '@banyan/platform/edge/callers';
import type { Credentials } from '@banyan/platform/edge/credentials';
import { mountObjectLinks } from '@banyan/platform/edge/download';
import { mountEdge } from '@banyan/platform/edge/edge';
import { mountDocumentation, mountLegacyServiceRoutes } from '@banyan/platform/edge/service-routes';
import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { Limits } from '@banyan/platform/keyvalue/limits';
import type { ObjectStore } from '@banyan/platform/objects/object-store';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { Metrics } from '@banyan/platform/telemetry/metrics';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { mountAccountPages } from './account/pages';
import { edgeContracts } from './domains';
import { mountJwks } from './jwks';

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

/** HTTP as clients see it. */
export async function openEdge({ app, fastify, settings, keyvalue, ...parts }: EdgeWiring): Promise<void> {
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
