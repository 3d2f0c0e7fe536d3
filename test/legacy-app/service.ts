import type { Legacy } from './legacy';
import { Answer } from './http';
import type { Router } from './router';

const DOCS =
  '<!DOCTYPE html><html><head><title>Secure Messaging API - Swagger UI</title></head><body><div id="swagger-ui"></div></body></html>';

/** Everything here is constant: the database is not asked. */
export function serviceRoutes(router: Router, { settings: { environment } }: Legacy): void {
  const root = { message: 'Secure Messaging API', version: '1.0.0', docs: '/docs', environment };
  const openApi = { openapi: '3.1.0', info: { title: 'Secure Messaging API', version: '1.0.0' }, paths: {} };
  router.on('GET HEAD', '/openapi.json', {}, () => openApi);
  router.on('GET HEAD', '/docs', {}, () => new Answer(200, { 'content-type': 'text/html; charset=utf-8' }, DOCS));
  router.on('GET HEAD', '/', {}, () => root);
  router.on('GET HEAD', '/health', {}, () => ({ status: 'healthy', environment, database: 'connected' }));
  router.on('GET', '/favicon.ico', {}, () => ({ message: 'No favicon' }));
}
