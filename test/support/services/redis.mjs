import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

import { findFolder } from './sources.mjs';

export const redis = {
  name: 'redis',
  setting: 'REDIS_URL',
  program: 'redis-server',
  debianPackages: ['redis-server'],
  image: 'redis:7.2.5',
  stopSignal: 'SIGTERM',

  findBinaries() {
    const folder = findFolder('redis-server', ['/usr/bin', '/opt/homebrew/bin']);
    return folder && { server: join(folder, 'redis-server') };
  },

  /** Acknowledged writes survive kill -9: the file gets each before the answer (the kernel keeps it; only fsync waits a second). */
  prepare({ folder, port, password, binaries }) {
    const file = join(folder, 'redis.conf');
    const lines = ['bind 127.0.0.1', `port ${port}`, `requirepass ${password}`, 'appendonly yes', 'save ""', 'dir ./', 'databases 4096'];
    writeFileSync(file, lines.join('\n') + '\n', { mode: 0o600 });
    return { command: binaries.server, args: [file] };
  },

  container: ({ password }) => ({
    port: 6379,
    env: {},
    command: ['redis-server', '--requirepass', password, '--appendonly', 'yes', '--save', '', '--databases', '4096'],
  }),

  /** It answers and has loaded its file. */
  isReady({ port, password }) {
    return new Promise((resolve) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => socket.end(`AUTH ${password}\r\nPING\r\n`));
      socket.on('data', (chunk) => (answer += chunk));
      socket.once('error', () => resolve(false)).once('close', () => resolve(answer.includes('+PONG')));
    });
  },

  url: ({ port, password }) => `redis://:${password}@127.0.0.1:${port}`,
};
