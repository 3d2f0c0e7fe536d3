import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const program = join(__dirname, 'main.mjs');
const OUTPUT_LIMIT = 1_000_000;

export interface LegacyOptions {
  /** Of a database with legacy's schema, or an empty one. */
  readonly databaseUrl: string;
  /** `JWT_SECRET_KEY`. */
  readonly secret: string;
  /** More of legacy's settings, or others than tests usually have; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/**
 * The stand-in as a process of its own, which a test may kill, freeze and start again: on the same port, uploads and settings. It ends
 * with this process. Nothing of this process's environment is a setting there. Unless a test says otherwise it is up at once, and
 * its passwords are cheap.
 */
export class LegacyProcess {
  private child: ChildProcess | undefined;
  private written = '';
  private address: { url: string; control: string } | undefined;

  private constructor(
    /** Its working directory, removed with it. Uploads are in `uploads` there. */
    readonly folder: string,
    private environment: Readonly<Record<string, string | undefined>>,
  ) {}

  /**
   * Resolves when it listens.
   *
   * @throws Error with its output if it ends instead
   */
  static async start({ databaseUrl, secret, env }: LegacyOptions): Promise<LegacyProcess> {
    const settings = {
      DATABASE_URL: databaseUrl,
      JWT_SECRET_KEY: secret,
      PORT: '0',
      LEGACY_STARTUP_MS: '0',
      LEGACY_BCRYPT_COST: '4',
      LEGACY_CONTROL_PORT: '0',
      LEGACY_ENDS_WITH_PARENT: '1',
      ...env,
    };
    const legacy = new LegacyProcess(await mkdtemp(join(tmpdir(), 'banyan-legacy-')), settings);
    try {
      await legacy.startAgain();
    } catch (error) {
      await legacy.remove();
      throw error;
    }
    return legacy;
  }

  get url(): string {
    return this.address!.url;
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
    const child = spawn(process.execPath, [program], {
      cwd: this.folder,
      env: { PATH, HOME, TMPDIR, ...this.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => this.keep(chunk.toString()));
    const firstLine = once(createInterface(child.stdout), 'line') as Promise<[string]>;
    const line = await Promise.race([firstLine, once(child, 'close').then(() => undefined)]);
    if (!line) throw new Error(`legacy ended:\n${this.written}`);
    this.address = JSON.parse(line[0]) as { url: string; control: string };
    this.environment = { ...this.environment, PORT: new URL(this.url).port };
  }

  /** Rows of `messages` cannot be written, until it is switched off again or the process ends. */
  async failMessageWrites(failsMessageWrites: boolean): Promise<void> {
    const answer = await fetch(this.address!.control, { method: 'POST', body: JSON.stringify({ failsMessageWrites }) });
    if (!answer.ok) throw new Error(`the control port answered ${answer.status}`);
  }

  /** SIGKILL. Resolves when it is gone, and with it the queue of its relay. */
  async kill(): Promise<void> {
    await this.signal('SIGKILL');
  }

  /** SIGTERM: sockets are closed with 1012, requests under way are answered. */
  async terminate(): Promise<void> {
    await this.signal('SIGTERM');
  }

  /** Its connections stay, and nothing answers. */
  freeze(): void {
    this.child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.child?.kill('SIGCONT');
  }

  /** The end of the test, in whatever state it is. */
  async remove(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  private async signal(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    if (!child || !this.isRunning) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  private keep(text: string): void {
    this.written = (this.written + text).slice(-OUTPUT_LIMIT);
  }
}
