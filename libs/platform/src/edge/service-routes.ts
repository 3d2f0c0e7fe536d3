import type { FastifyInstance } from 'fastify';
import { SwaggerModule } from '@nestjs/swagger';
import type { INestApplication } from '@nestjs/common';
import type { Contract } from '../contract';
import { openApiDocument } from './openapi';

const VERSION = '1.0.0';

/** What legacy answers beside its API, word for word; the web client's host and old health checks ask for it. */
export function mountLegacyServiceRoutes(server: FastifyInstance, environment: string): void {
  const root = { message: 'Secure Messaging API', version: VERSION, docs: '/docs', environment };
  const health = { status: 'healthy', environment, database: 'connected' };
  server.route({ method: ['GET', 'HEAD'], url: '/', handler: async () => root });
  server.route({ method: ['GET', 'HEAD'], url: '/health', handler: async () => health });
  server.get('/favicon.ico', async () => ({ message: 'No favicon' }));
}

/** The API for people (`/docs`) and for programs (`/openapi.json`), made from the contracts. */
export function mountDocumentation(app: INestApplication, contracts: readonly Contract[], publicUrl: string): void {
  const document = openApiDocument(contracts, { version: VERSION, publicUrl });
  SwaggerModule.setup('docs', app, document as never, {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'openapi.yaml',
    customSiteTitle: 'Banyan API',
    customCss: '.swagger-ui .topbar { display: none }',
    swaggerOptions: { persistAuthorization: false, displayRequestDuration: true },
  });
}
