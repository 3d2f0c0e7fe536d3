import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { until } from './until';

/** A shell that keeps its variables, functions and jobs from one piece to the next, as a person's does. */
export class Shell {
  private written = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  /** @param env all that it sees */
  constructor(cwd: string, env: Readonly<Record<string, string | undefined>>) {
    // A process group of its own, so that what was started in the background ends with it.
    this.child = spawn('bash', ['--noprofile', '--norc'], { cwd, env, detached: true, stdio: 'pipe' });
    for (const stream of [this.child.stdout!, this.child.stderr!]) stream.on('data', (chunk: Buffer) => (this.written += chunk.toString()));
    this.ended = once(this.child, 'exit');
    this.child.stdin!.on('error', () => undefined); // it has ended, which `run` tells
    this.child.stdin!.write('exec 2>&1\n');
  }

  /** Resolves when it has run, with what was printed on both outputs and the exit code of the last command. */
  async run(commands: string): Promise<{ printed: string; exitCode: number }> {
    this.written = '';
    const end = /\0end (\d+)\n/;
    this.child.stdin!.write(`${commands}\nprintf '\\0end %d\\n' $?\n`);
    let match: RegExpExecArray | null;
    while (!(match = end.exec(this.written))) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) throw new Error(`the shell ended:\n${this.written}`);
      await Promise.race([once(this.child.stdout!, 'data'), this.ended]);
    }
    return { printed: this.written.slice(0, match.index), exitCode: Number(match[1]) };
  }

  /** Ends it and its jobs, also in the middle of a loop that would never end. */
  async close(): Promise<void> {
    await until(() => Promise.resolve(!this.signal('SIGTERM')));
  }

  /** @returns whether anything was left to take it */
  private signal(name: NodeJS.Signals): boolean {
    try {
      return process.kill(-this.child.pid!, name);
    } catch {
      return false;
    }
  }
}
