import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rename, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

type AppendFsync = 'always' | 'everysec' | 'no';

/** A private `redis-server` on a free port of this machine, with an append-only file, to be broken by tests. */
export class RedisServer {
  private constructor(
    private readonly port: number,
    private readonly folder: string,
    private readonly fsync: AppendFsync,
    private child: ChildProcess,
  ) {}

  /** @param fsync when its file is on disk; by default before each answer */
  static async start({ fsync = 'always' }: { fsync?: AppendFsync } = {}): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'banyan-redis-'));
    const port = await freePort();
    return new RedisServer(port, folder, fsync, await run(port, folder, fsync));
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** At once, as `kill -9`: what was not yet written to its file is lost. */
  async kill(): Promise<void> {
    this.child.kill('SIGCONT'); // a frozen one too
    this.child.kill('SIGKILL');
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'exit');
  }

  /** Keeps a copy of what is in its file now. */
  async remember(): Promise<void> {
    await cp(this.file, `${this.file}.old`, { recursive: true });
  }

  /** Again on the same port: with its contents, `wiped`, or with those it had at `remember`, as when the last seconds are lost. */
  async startAgain({ wiped = false, old = false } = {}): Promise<void> {
    if (wiped || old) await rm(this.file, { recursive: true, force: true });
    if (old) await rename(`${this.file}.old`, this.file);
    this.child = await run(this.port, this.folder, this.fsync);
  }

  /** Connected, and silent. */
  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  private get file(): string {
    return join(this.folder, 'appendonlydir');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function run(port: number, folder: string, fsync: AppendFsync): Promise<ChildProcess> {
  const settings = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    folder,
    '--appendonly',
    'yes',
    '--appendfsync',
    fsync,
    '--save',
    '',
  ];
  const child = spawn('redis-server', settings, { stdio: ['ignore', 'pipe', 'inherit'] });
  const said: string[] = [];
  for await (const line of createInterface(child.stdout)) {
    said.push(line);
    if (line.includes('Ready to accept connections')) {
      child.stdout.resume(); // or a full pipe would stop it
      return child;
    }
  }
  throw new Error(`redis-server did not start:\n${said.join('\n')}`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
