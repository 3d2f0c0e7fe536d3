import type { LegacySockets } from '@banyan/migration/sockets/legacy-sockets';
import type { NotificationService } from '@banyan/notification/notification.service';
import type { AdoptedQueue } from '@banyan/relay/adopted-queue';
import type { Metrics, Sample } from '@banyan/platform/telemetry/metrics';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver';
import type { Pool } from 'pg';
import type { Storage } from './storage';

/** Of a process that serves relay beside a monolith. */
export function publishAdoption(metrics: Metrics, queue: AdoptedQueue | undefined): void {
  if (!queue) return;
  metrics.gauge(
    'banyan_adopted_queue_missed',
    'How often the part of a queue that is in legacy’s memory was missing from an answer, since the start.',
    [],
    () => [{ labels: {}, value: queue.missed }],
  );
}

/** Of a process whose clients' sockets lead to a monolith as well. */
export function publishUpstreams(metrics: Metrics, sockets: LegacySockets): void {
  metrics.gauge('banyan_legacy_sockets', 'Open sockets at the monolith, each for one of a client here.', [], () => [
    { labels: {}, value: sockets.count },
  ]);
}

/** Of a process that serves notification. */
export function publishMail(metrics: Metrics, notifications: NotificationService): void {
  metrics.gauge('banyan_mail_waiting', 'Mails that wait for an attempt, up to 100,000.', [], async () => [
    { labels: {}, value: (await notifications.waiting()).count },
  ]);
  metrics.gauge('banyan_mail_age_seconds', 'How long the oldest of them has waited.', [], async () => [
    { labels: {}, value: (await notifications.waiting()).oldest_ms / 1000 },
  ]);
}

/** What is asked when somebody reads the metrics: outboxes and pools of every domain here. */
export function publishGauges(metrics: Metrics, { databases, sources }: Storage): void {
  const perDomain =
    (value: (outbox: { pending(): Promise<number>; oldestAgeMs(): Promise<number> }) => Promise<number>) => (): Promise<Sample[]> =>
      Promise.all([...databases.entries()].map(async ([domain, { outbox }]) => ({ labels: { domain }, value: await value(outbox) })));
  metrics.gauge(
    'banyan_outbox_pending',
    'Events that wait to be published, up to 100,000.',
    ['domain'],
    perDomain((outbox) => outbox.pending()),
  );
  metrics.gauge(
    'banyan_outbox_age_seconds',
    'How long the oldest event has waited.',
    ['domain'],
    perDomain(async (outbox) => (await outbox.oldestAgeMs()) / 1000),
  );
  metrics.gauge('banyan_pool_connections', 'Connections to a domain’s database.', ['domain', 'state'], () =>
    [...sources()].flatMap(([domain, source]) => {
      const { totalCount, idleCount, waitingCount } = (source.driver as PostgresDriver).master as Pool;
      return [
        { labels: { domain, state: 'open' }, value: totalCount },
        { labels: { domain, state: 'idle' }, value: idleCount },
        { labels: { domain, state: 'wanted' }, value: waitingCount },
      ];
    }),
  );
}
