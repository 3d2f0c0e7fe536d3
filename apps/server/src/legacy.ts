import { domains } from '@banyan/domains';
import { exists } from '@banyan/message/contract';
import { refusing } from '@banyan/migration/proxy/ended-tokens';
import { RelayUnion } from '@banyan/migration/adoption/relay-union';
import { FilePlaces } from '@banyan/migration/media/file-places';
import { Revisions } from '@banyan/migration/proxy/revisions';
import { adopt } from '@banyan/relay/contract';
import { Acknowledgements } from '@banyan/migration/proxy/acknowledgements';
import { SavedStore } from '@banyan/migration/proxy/saved.store';
import type { Output } from '@banyan/platform/contract';
import type { Database } from '@banyan/platform/database/database';
import type { Dispatcher } from '@banyan/platform/dispatch/dispatcher';
import type { DataHomeTable } from '@banyan/platform/host/data-home-table';
import { LegacyHome } from '@banyan/migration/proxy/legacy-home';
import { type Finding, probeLegacy } from '@banyan/migration/proxy/legacy-probe';
import { LegacyProxy } from '@banyan/migration/proxy/legacy-proxy';
import type { Settings } from '@banyan/platform/config/table';
import type { RouteTable } from '@banyan/platform/host/route-table';
import type { Callers } from '@banyan/platform/edge/callers';
import type { Credentials } from '@banyan/platform/edge/credentials';
import type { TokenVerifier } from '@banyan/platform/tokens/verifier';
import type { Logger } from '@banyan/platform/telemetry/log';
import { Dialer } from '@banyan/migration/sockets/dialer';
import { Entrance } from '@banyan/migration/sockets/entrance';
import type { LegacySocketsParts } from '@banyan/migration/sockets/legacy-sockets';
import { StoredMessages } from '@banyan/migration/sockets/stored-messages';
import type { Beyond } from '@banyan/platform/edge/sockets';
import type { Metrics } from '@banyan/platform/telemetry/metrics';

/** What a process with an edge has with the monolith. */
export interface Legacy {
  readonly home: LegacyHome;
  /** Whether it is there and takes our tokens. */
  readonly probe: () => Promise<Finding>;
  /** Lets in the users whose sockets are the monolith's. */
  readonly entrance: Beyond;
  close(): void;
}

interface LegacyParts {
  readonly settings: Settings;
  readonly secret: string;
  readonly routes: RouteTable;
  readonly dataHomes: DataHomeTable;
  readonly host: Database;
  readonly dispatcher: Dispatcher;
  readonly verifier: TokenVerifier;
  readonly callers: Callers;
  readonly credentials: Credentials;
  readonly metrics: Metrics;
  readonly log: Logger;
}

/** Undefined without LEGACY_URL, and in a process that no client reaches. */
export function openLegacy({
  settings,
  secret,
  routes,
  dataHomes,
  host,
  dispatcher,
  verifier,
  callers,
  credentials,
  metrics,
  log,
}: LegacyParts): Legacy | undefined {
  const { LEGACY_URL, CORS_ORIGINS, SERVE } = settings;
  if (LEGACY_URL === undefined || !SERVE.edge) return undefined;
  const proxy = new LegacyProxy(LEGACY_URL);
  const saved = new SavedStore(host);
  const savedTotal = metrics.counter(
    'banyan_saved_acknowledgements_total',
    'Messages that the monolith confirmed and had not stored; their senders were told.',
    ['operation'],
  );
  const acknowledgements = new Acknowledgements({
    isShared: () => dataHomes.of(domains.message.tableSet) === 'legacy',
    exists: (messageId) => isThere(dispatcher, messageId),
    adopt: async (message) => {
      const call = { actor: { kind: 'system', name: 'acknowledgements' }, key: message.message_id } as const;
      const answer = (await dispatcher.callFromEdge(adopt, message, call)) as Output<typeof adopt>;
      return answer.stored;
    },
    count: (operation, messageId) => {
      savedTotal.inc({ operation });
      return saved.count(operation, messageId);
    },
    log,
  });
  const hasOwnPart = () => dataHomes.of(domains.message.tableSet) !== 'none';
  const revisions = new Revisions({ acknowledgements, union: new RelayUnion(dispatcher), hasOwnPart, verifier });
  const refuse = refusing(callers, () => dataHomes.of(domains.auth.tableSet) !== 'none');
  return {
    home: new LegacyHome({
      proxy,
      revisions,
      files: new FilePlaces(dispatcher, () => dataHomes.of(domains.media.tableSet) !== 'none'),
      routes: routes.routes,
      verifier,
      credentials,
      refuse,
      metrics,
      origins: CORS_ORIGINS,
    }),
    probe: () => probeLegacy(LEGACY_URL, secret),
    entrance: new Entrance(new Dialer(LEGACY_URL), refuse),
    close: () => proxy.close(),
  };
}

type SocketParts = Pick<LegacyParts, 'settings' | 'routes' | 'dataHomes' | 'dispatcher' | 'log'>;

/** What the sockets of clients have with the monolith, in every process where they end. Undefined without LEGACY_URL. */
export function legacySockets({ settings, routes, dataHomes, dispatcher, log }: SocketParts): LegacySocketsParts | undefined {
  const { LEGACY_URL, SERVE } = settings;
  if (LEGACY_URL === undefined || !(SERVE.edge || SERVE.domains.includes('websocket'))) return undefined;
  const stored = new StoredMessages({
    isShared: () => dataHomes.of(domains.message.tableSet) === 'legacy',
    exists: (messageId) => isThere(dispatcher, messageId),
    log,
  });
  return { routes: routes.routes, dialer: new Dialer(LEGACY_URL), stored };
}

async function isThere(dispatcher: Dispatcher, messageId: string): Promise<boolean> {
  const call = { actor: { kind: 'system', name: 'acknowledgements' }, key: messageId } as const;
  return ((await dispatcher.callFromEdge(exists, { message_id: messageId }, call)) as Output<typeof exists>).exists;
}
