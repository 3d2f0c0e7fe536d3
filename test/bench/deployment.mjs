/** A host with workers beside it: what moves between rounds is the route. */
import { randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect } from 'amqplib';
import pg from 'pg';

import { root } from '../../apps/server/install.mjs';
import { startBanyan } from './programs.mjs';
import { cpuMs } from './usage.mjs';

const require = createRequire(join(root, 'dist/package.json'));

export class Deployment {
  /**
   * @param settings of `Place`, with AMQP_URL
   * @param moved domains with a worker each
   * @param name of the profiles
   * @param broker gives its processor time so far, ms
   */
  static async start(settings, { cwd, moved, name, broker }) {
    const env = { ...settings, CARRIER_KEY: randomBytes(32).toString('hex') };
    const programs = [];
    const operator = new pg.Client({ connectionString: settings.HOST_DATABASE_URL });
    try {
      programs.push(await startBanyan({ ...env, SERVE: 'all' }, { cwd, name: `${name}-host` }));
      const worker = (domain) =>
        startBanyan({ ...env, PUBLIC_URL: programs[0].url, SERVE: domain }, { cwd, name: `${name}-worker-${domain}` });
      programs.push(...(await Promise.all(moved.map(worker))));
      await operator.connect();
    } catch (error) {
      await Promise.all(programs.map((program) => program.stop()));
      throw error;
    }
    return new Deployment(programs, { operator, moved, broker, amqpUrl: settings.AMQP_URL });
  }

  constructor([host, ...workers], { operator, moved, broker, amqpUrl }) {
    Object.assign(this, { host, workers, operator, moved, broker, amqpUrl });
  }

  /** Processor time so far, ms. */
  get meters() {
    return { program: () => cpuMs(this.host.pid), workers: () => this.workers.reduce((sum, { pid }) => sum + cpuMs(pid), 0) };
  }

  /** Resolves when every process follows. @param home local or remote */
  async move(home) {
    for (const domain of this.moved) await this.untilFollowed(await this.changeRoute(domain, home));
  }

  /** As banyan_host keeps a change. @param isAnnounced false: as if the notification had been lost @returns its version */
  async changeRoute(domain, home, isAnnounced = true) {
    const { rows } = await this.operator.query(
      `WITH change AS (
         INSERT INTO banyan_host.route_changes (domain, remote, local, legacy, previous, changed_by, reason)
         VALUES ($1, $2, 10000 - $2, 0, '{}', 'bench', 'bench') RETURNING *
       )
       INSERT INTO banyan_host.routes (domain, remote, local, legacy, previous, changed_by, reason, changed_at, version)
       SELECT domain, remote, local, legacy, previous, changed_by, reason, changed_at, version FROM change
       ON CONFLICT (domain) DO UPDATE SET (remote, local, previous, changed_at, version) =
         (excluded.remote, excluded.local, excluded.previous, excluded.changed_at, excluded.version)
       RETURNING version::int`,
      [domain, home === 'remote' ? 10_000 : 0],
    );
    if (isAnnounced) await this.operator.query(`SELECT pg_notify('banyan_host_changes', '')`);
    return rows[0].version;
  }

  async untilFollowed(version) {
    for (;;) {
      const { rows } = await this.operator.query('SELECT min(route_version)::int AS version FROM banyan_host.instances');
      if (rows[0].version >= version) return;
      await delay(2);
    }
  }

  /** What had not been published when a load ended, and how long that takes; then until nothing of it is worked on any more. */
  async drain() {
    const started = performance.now();
    const rows = await this.pendingEvents();
    while ((await this.pendingEvents()) > 0) {
      if (performance.now() - started > PUBLISHED_WITHIN_MS) throw new Error('events are not published');
      await delay(20);
    }
    const ms = performance.now() - started;
    await this.untilQuiet();
    return { rows, ms };
  }

  /** Events have left the outbox before their consumers have dealt with them, which is no business of the next program's round. */
  async untilQuiet() {
    const { program, workers } = this.meters;
    const usedMs = () => program() + workers() + this.broker();
    for (let at = performance.now(), before = usedMs(); performance.now() - at < QUIET_WITHIN_MS; before = usedMs()) {
      await delay(QUIET_FOR_MS);
      if (!(usedMs() - before > QUIET_SHARE * QUIET_FOR_MS)) return; // nor wait where nothing is known of processor time
    }
    throw new Error('the server does not come to rest');
  }

  async pendingEvents() {
    const text = await (await fetch(`${this.host.url}/metrics`)).text();
    return [...text.matchAll(/^banyan_outbox_pending\{.*\} (\d+)$/gm)].reduce((sum, [, rows]) => sum + Number(rows), 0);
  }

  /** Events that a handler has failed with, and that wait for another attempt or for somebody to look at them. */
  async failedEvents() {
    const { Topology } = require('./libs/platform/src/events/rabbitmq/topology.js');
    const topology = new Topology([]);
    const connection = await connect(this.amqpUrl);
    try {
      const channel = await connection.createChannel();
      await topology.declare(channel);
      const delays = Array.from({ length: ATTEMPTS }, (_, n) => topology.delayAfter(n + 1));
      const queues = await Promise.all([topology.deadQueue, ...new Set(delays)].map((name) => channel.checkQueue(name)));
      return queues.reduce((sum, { messageCount }) => sum + messageCount, 0);
    } finally {
      await connection.close();
    }
  }

  async stop() {
    await this.operator.end();
    await Promise.all([this.host, ...this.workers].map((program) => program.stop()));
  }
}

const PUBLISHED_WITHIN_MS = 60_000;
/** At least as many as there are delays. */
const ATTEMPTS = 12;
/** So long, since a process may wait for the database meanwhile. */
const QUIET_FOR_MS = 500;
/** Of a core; heartbeats need some of it. */
const QUIET_SHARE = 0.2;
const QUIET_WITHIN_MS = 30_000;
