import { stat, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { StartupError } from '../config/startup-error';

/**
 * Make this process the only one that works in `folder`, until it releases the lock or dies, however it dies.
 *
 * The lock is a listening socket named after the folder's inode: the kernel closes it with the process, so on Linux (abstract names)
 * there is no stale lock to judge. It is seen by the processes of one machine, not through a network file system.
 *
 * @returns release
 * @throws StartupError when another process holds it
 */
export async function lockFolder(folder: string): Promise<() => Promise<void>> {
  const { dev, ino } = await stat(folder, { bigint: true });
  const name = `banyan-${dev}-${ino}`;
  const server = process.platform === 'linux' ? await listen(`\0${name}`) : await listenOnFile(join(tmpdir(), `${name}.sock`));
  if (!server) throw new StartupError(`Another server is using ${folder}: stop it, or set DATA_DIR to another folder.`);
  server.unref();
  return () => new Promise((resolve) => server.close(() => resolve()));
}

/** A server, or undefined when the name is taken. */
function listen(path: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)));
    server.listen(path, () => resolve(server));
  });
}

/** Where names are files, a dead process leaves its file behind; nobody answers there. */
async function listenOnFile(path: string): Promise<Server | undefined> {
  const server = await listen(path);
  if (server || (await answers(path))) return server;
  await unlink(path).catch(() => undefined);
  return listen(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
