import { LegacySockets, type LegacySocketsParts } from '@banyan/migration/sockets/legacy-sockets';
import type { Settings } from '@banyan/platform/config/table';
import type { Callers } from '@banyan/platform/edge/callers';
import type { SocketAdapter } from '@banyan/platform/edge/socket-adapter';
import { SocketPipe } from '@banyan/platform/edge/socket-pipe';
import { SocketPlaces } from '@banyan/platform/edge/socket-places';
import { mountSockets } from '@banyan/platform/edge/sockets';
import type { InstanceRegistry } from '@banyan/platform/host/instance-registry';
import type { Metrics } from '@banyan/platform/telemetry/metrics';
import { websocketContract } from '@banyan/websocket/contract';
import { OwnSockets } from '@banyan/websocket/own-sockets';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { publishUpstreams } from './gauges';
import type { Legacy } from './legacy';
import type { Joined } from './membership';

interface SocketsWiring {
  readonly app: NestFastifyApplication;
  readonly fastify: FastifyInstance;
  readonly settings: Settings;
  readonly adapter: SocketAdapter;
  readonly callers: Callers;
  readonly others: Joined;
  readonly legacy: Legacy | undefined;
  readonly upstreams: LegacySocketsParts | undefined;
  readonly metrics: Metrics;
  readonly isDraining: () => boolean;
}

/** Clients' sockets, in a process that they reach and in one that serves them. @returns how it takes leave of them */
export function openSockets(wiring: SocketsWiring): { drain(): Promise<void> } {
  const { app, fastify, settings, adapter, callers, others, legacy, upstreams, metrics, isDraining } = wiring;
  const { edge, domains } = settings.SERVE;
  const servesSockets = upstreams !== undefined || domains.includes('websocket');
  const pipe = new SocketPipe();
  if (upstreams) publishUpstreams(metrics, app.get(LegacySockets, { strict: false }));
  if (edge || servesSockets) {
    mountSockets(fastify, {
      callers,
      adapter,
      pipe,
      places: edge ? new SocketPlaces(settings.SOCKET_LIMITS) : undefined,
      origins: edge ? [settings.PUBLIC_URL, ...settings.CORS_ORIGINS] : undefined,
      home: (userId) => (edge ? others.routes.routes.home('websocket', userId) : 'local'),
      workers: () => socketWorkers(others.instances, adapter.isServing),
      elsewhere: legacy?.home,
      beyond: legacy?.entrance,
      isDraining,
    });
  }
  return {
    drain: async () => {
      await Promise.all([pipe.drain(), servesSockets && app.get(OwnSockets, { strict: false }).drain()]);
    },
  };
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
