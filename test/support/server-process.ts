import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { findFreePort } from '@banyan/platform/embedded/free-port';
import { stopLeftover } from '@banyan/platform/embedded/postmaster';
import { TEST_SECRET } from './banyan';

const compiled = join(__dirname, '../../dist/apps/server/src/main.js');
const OUTPUT_LIMIT = 10_000_000;

/** Settings; undefined takes one away that tests usually have. */
type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The program as a process of its own, which a test may kill, freeze and start again: on the same port, data and settings. Host or
 * worker, as `SERVE` says. Nothing of this process's environment is a setting there.
 */
export class ServerProcess {
  private child: ChildProcess | undefined;
  private written = '';

  private constructor(
    readonly url: string,
    /** Made for it, and removed with it. */
    readonly dataDir: string,
    private readonly environment: Environment,
    private readonly program: readonly string[],
  ) {}

  /**
   * Resolves when it is ready.
   *
   * @param script TypeScript to run instead of the server that `nest build` has compiled; it serves with the same settings
   * @throws Error with its output if it ends instead
   */
  static async start(environment: Environment = {}, { script }: { script?: string } = {}): Promise<ServerProcess> {
    if (!script && !existsSync(compiled)) throw new Error(`There is no ${compiled}: build first (npm run build), or run npm test`);
    const program = script ? ['--import', join(__dirname, 'typescript.mjs'), '-e', `require(${JSON.stringify(script)})`] : [compiled];
    const port = await findFreePort();
    const dataDir = await mkdtemp(join(tmpdir(), 'banyan-server-'));
    const settings = {
      JWT_SECRET_KEY: TEST_SECRET,
      RATE_LIMITS: 'off',
      LOG_LEVEL: 'warn',
      ...environment,
      PORT: String(port),
      BIND: '127.0.0.1',
      DATA_DIR: dataDir,
    };
    const server = new ServerProcess(`http://127.0.0.1:${port}`, dataDir, settings, program);
    await server.startAgain();
    return server;
  }

  get pid(): number | undefined {
    return this.child?.pid;
  }

  /** What it wrote on both outputs, the end of it if it was much. */
  get output(): string {
    return this.written;
  }

  get isRunning(): boolean {
    return this.child !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  async startAgain(): Promise<void> {
    if (this.isRunning) throw new Error('it runs already');
    const { PATH, HOME, TMPDIR } = process.env;
    const child = spawn(process.execPath, this.program, {
      cwd: this.dataDir, // away from a developer's .env, which the server would read
      env: { PATH, HOME, TMPDIR, ...this.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => this.keep(chunk.toString()));
    while (!(await this.isReady())) {
      if (!this.isRunning) throw new Error(`the server ended:\n${this.written}`);
      await pause(50);
    }
  }

  /** SIGKILL. Resolves when it is gone; what it had started, such as its PostgreSQL, is not. */
  async kill(): Promise<void> {
    await this.signal('SIGKILL');
  }

  /** SIGTERM. @returns its exit code, null if it died otherwise */
  async terminate(): Promise<number | null> {
    await this.signal('SIGTERM');
    return this.child?.exitCode ?? null;
  }

  /** Its connections stay, and nothing answers. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  /** The end of the test, in whatever state it is: nothing that it started is left. */
  async remove(): Promise<void> {
    if (this.isRunning) {
      this.thaw();
      await this.terminate();
    }
    await stopLeftover(join(this.dataDir, 'postgres'));
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async signal(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || !this.isRunning) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  private async isReady(): Promise<boolean> {
    const answer = await fetch(`${this.url}/readyz`, { headers: { connection: 'close' } }).catch(() => undefined);
    return answer?.status === 200;
  }

  private keep(text: string): void {
    this.written = (this.written + text).slice(-OUTPUT_LIMIT);
  }
}
