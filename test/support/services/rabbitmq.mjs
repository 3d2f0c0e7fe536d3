import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { findFolder } from './sources.mjs';

/** With its management API, by which tests make virtual hosts of their own and cut connections. */
export const rabbitmq = {
  name: 'rabbitmq',
  setting: 'AMQP_URL',
  program: 'rabbitmq-server',
  debianPackages: ['rabbitmq-server'],
  image: 'rabbitmq:4.1.4-management',
  morePorts: ['management', 'distribution', 'epmd'],
  stopSignal: 'SIGKILL', // what it has confirmed survives that; SIGTERM takes it six seconds

  findBinaries() {
    // Not the wrapper in /usr/sbin, which goes to another user and reads settings of the machine.
    const folder = findFolder('rabbitmq-server', ['/usr/lib/rabbitmq/bin', '/opt/homebrew/sbin']);
    return folder && { server: join(folder, 'rabbitmq-server') };
  },

  prepare({ folder, port, more, password, binaries }) {
    const inside = (name) => join(folder, name);
    for (const name of ['home', 'mnesia', 'logs', 'generated']) mkdirSync(inside(name), { recursive: true, mode: 0o700 });
    const settings = [
      `listeners.tcp.1 = 127.0.0.1:${port}`,
      'management.tcp.ip = 127.0.0.1',
      `management.tcp.port = ${more.management}`,
      'default_user = banyan',
      `default_pass = ${password}`,
      'log.console = true',
      'log.file = false',
      'vm_memory_high_watermark.absolute = 512MiB',
      'disk_free_limit.absolute = 50MB',
    ];
    writeFileSync(inside('rabbitmq.conf'), settings.join('\n') + '\n', { mode: 0o600 });
    if (!existsSync(inside('enabled_plugins'))) writeFileSync(inside('enabled_plugins'), '[rabbitmq_management].\n');
    const env = {
      HOME: inside('home'), // the cookie between Erlang nodes lies there
      RABBITMQ_NODENAME: `banyan${port}@localhost`,
      RABBITMQ_NODE_PORT: String(port),
      RABBITMQ_DIST_PORT: String(more.distribution),
      RABBITMQ_MNESIA_BASE: inside('mnesia'),
      RABBITMQ_LOG_BASE: inside('logs'),
      RABBITMQ_CONFIG_FILE: inside('rabbitmq.conf'),
      RABBITMQ_ENABLED_PLUGINS_FILE: inside('enabled_plugins'),
      RABBITMQ_PID_FILE: inside('pid'),
      RABBITMQ_GENERATED_CONFIG_DIR: inside('generated'),
      RABBITMQ_CONF_ENV_FILE: '/dev/null',
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
      ERL_EPMD_PORT: String(more.epmd),
      ERL_EPMD_ADDRESS: '127.0.0.1',
      ERL_CRASH_DUMP: '/dev/null',
      RUNNING_UNDER_SYSTEMD: 'true', // no shell stays between us and the broker
    };
    // Erlang would start its port mapper as a daemon that outlives everything; ours ends with the broker, being in its process group.
    return { command: '/bin/sh', args: ['-c', `epmd & exec ${binaries.server}`], env };
  },

  container: ({ password }) => ({
    port: 5672,
    more: { management: 15672 },
    env: { RABBITMQ_DEFAULT_USER: 'banyan', RABBITMQ_DEFAULT_PASS: password },
    command: [],
  }),

  /** Both doors are open: the broker says its first word, and the management API knows the user. */
  async isReady(record) {
    return (await greets(record.port)) && (await this.ask(record, '/whoami')) !== undefined;
  },

  /**
   * Resolves when a SIGKILL costs nothing that was confirmed. The broker writes the names of its quorum queues half a second late; one
   * that is not written yet has no leader after the restart, ever (rabbitmq-server issue 10070).
   */
  async beforeKill(record) {
    const node = `banyan${record.port}@localhost`;
    const names = join(record.folder, 'mnesia', node, 'quorum', node, 'names.dets');
    for (let waitedMs = 0; waitedMs < 5_000; waitedMs += 50) {
      const queues = (await this.ask(record, '/queues?columns=name,vhost,type')) ?? [];
      const written = existsSync(names) ? readFileSync(names, 'latin1') : '';
      const isWritten = ({ name, vhost, type }) => type !== 'quorum' || written.includes(`${encodeURIComponent(vhost)}_${name}`);
      if (queues.every(isWritten)) return;
      await pause(50);
    }
  },

  /** @returns what the management API answers; undefined if it does not */
  async ask(record, path) {
    const { username, password, origin } = new URL(this.more(record).AMQP_MANAGEMENT_URL);
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const answer = await fetch(`${origin}/api${path}`, { headers: { authorization }, signal: AbortSignal.timeout(2_000) }).catch(
      () => undefined,
    );
    return answer?.ok ? answer.json() : undefined;
  },

  url: ({ port, password }) => `amqp://banyan:${password}@127.0.0.1:${port}`,

  more: ({ more, password }) => ({ AMQP_MANAGEMENT_URL: `http://banyan:${password}@127.0.0.1:${more.management}` }),
};

function greets(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('AMQP\0\0\x09\x01'));
    socket.once('data', () => resolve(true) ?? socket.destroy());
    socket.once('error', () => resolve(false)).once('close', () => resolve(false));
  });
}
