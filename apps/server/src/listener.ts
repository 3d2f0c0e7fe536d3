import type { AddressInfo } from 'node:net';
import { StartupError } from '@banyan/platform/config/startup-error';
import type { Settings } from '@banyan/platform/config/table';
import { KeepErrors } from '@banyan/platform/dispatch/server';
import { answerError, answerUnreadable } from '@banyan/platform/edge/answers';
import { BODY_LIMIT_BYTES } from '@banyan/platform/edge/body';
import { BODY_MS } from '@banyan/platform/edge/early-body';
import { ElsewhereHook } from '@banyan/platform/edge/edge';
import type { Elsewhere } from '@banyan/platform/edge/elsewhere';
import type { Frontend } from '@banyan/platform/edge/frontend';
import type { SocketAdapter } from '@banyan/platform/edge/socket-adapter';
import { UPLOAD_MS } from '@banyan/platform/edge/uploads';
import type { Logger } from '@banyan/platform/telemetry/log';
import { NestLogger } from '@banyan/platform/telemetry/nest-logger';
import type { DynamicModule, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { edgeContracts } from './domains';

/** Nest would answer unknown paths and errors in its own words; the edge has legacy's. */
class Adapter extends FastifyAdapter {
  override setErrorHandler(): never {
    return undefined as never;
  }

  override setNotFoundHandler(): never {
    return undefined as never;
  }
}

/** @param imports what it is made of */
export async function createApp(
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

/** Take no more, answer what was taken. */
export async function closeListener(app: NestFastifyApplication): Promise<void> {
  // A connection whose answer was being written when the closing began turns idle after it, and would be waited for until its client goes.
  const closeIdle = setInterval(() => app.getHttpServer().closeIdleConnections(), 50);
  try {
    await app.close();
  } finally {
    clearInterval(closeIdle);
  }
}

/** @returns where it listens @throws StartupError */
export async function listen(fastify: FastifyInstance, { PORT, BIND }: Settings): Promise<string> {
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
