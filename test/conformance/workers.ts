import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Operation } from '@banyan/platform/contract';
import type { Instance, InstanceDirectory } from '@banyan/platform/host/instances';

export interface WorkerOptions {
  readonly amqpUrl: string;
  readonly key: string;
  readonly folder: string;
  readonly concurrency?: number;
  readonly maxWaiting?: number;
}

/** The processes of a test, as a directory that believes what it is told. */
export class Workers implements InstanceDirectory {
  private readonly all = new Set<Worker>();
  readonly suspects = new Set<string>();

  async start(options: WorkerOptions): Promise<Worker> {
    const id = randomUUID();
    const child = fork(join(__dirname, 'worker.ts'), [], {
      execArgv: ['--require', join(__dirname, '../support/typescript.mjs')],
      env: { ...process.env, WORKER: JSON.stringify({ ...options, id }) },
    });
    const worker = new Worker(id, child);
    await Promise.race([worker.ready, once(child, 'exit').then(() => Promise.reject(new Error('the worker did not start')))]);
    this.all.add(worker);
    return worker;
  }

  candidates(_operation: Operation, kind: 'worker' | 'host'): readonly Instance[] {
    return [...this.all].map(({ instance }) => instance).filter((instance) => instance.kind === kind && !this.suspects.has(instance.id));
  }

  suspect(id: string): void {
    this.suspects.add(id);
  }

  /** A further one that is no process of ours, such as a queue of the test's. */
  add(instance: Instance): void {
    this.all.add({ instance, kill: async () => undefined } as unknown as Worker);
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.all].map((worker) => worker.kill()));
    this.all.clear();
    this.suspects.clear();
  }
}

export class Worker {
  private queue = '';
  readonly ready: Promise<void>;

  constructor(
    readonly id: string,
    private readonly child: ChildProcess,
  ) {
    this.ready = new Promise((resolve) =>
      child.on('message', ({ queue }: { queue?: string }) => {
        if (queue === undefined) return;
        this.queue = queue;
        resolve();
      }),
    );
  }

  get instance(): Instance {
    return { id: this.id, queue: this.queue, kind: 'worker', build: 'test', url: '', operations: new Map() };
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** It has told its queue once more. */
  consumesAgain(): Promise<void> {
    return this.says('queue');
  }

  /** It has its connection back. */
  connectsAgain(): Promise<void> {
    return this.says('connected');
  }

  private async says(what: string): Promise<void> {
    for (;;) {
      const [message] = (await once(this.child, 'message')) as [object];
      if (what in message) return;
    }
  }

  async kill(): Promise<void> {
    if (this.isGone) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }

  /** Resolves when it is gone. */
  async drain(drainMs = 5_000): Promise<void> {
    const gone = once(this.child, 'exit');
    this.child.send({ drainMs });
    await gone;
  }

  freeze(): void {
    this.child.kill('SIGSTOP');
  }

  thaw(): void {
    this.child.kill('SIGCONT');
  }

  private get isGone(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}
