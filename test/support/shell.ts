import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** A shell that keeps its variables, functions and jobs from one piece to the next, as a person's does. */
export class Shell {
  private written = '';
  private isBusy = false;
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  /** @param env all that it sees */
  constructor(cwd: string, env: Readonly<Record<string, string | undefined>>) {
    // A process group of its own, so that what was started in the background ends with it.
    this.child = spawn('bash', ['--noprofile', '--norc'], { cwd, env, detached: true, stdio: 'pipe' });
    for (const stream of [this.child.stdout!, this.child.stderr!]) stream.on('data', (chunk: Buffer) => (this.written += chunk.toString()));
    this.ended = once(this.child, 'exit');
    this.child.stdin!.write(`exec 2>&1; set -m; trap exit TERM; trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n`);
  }

  /** Resolves when it has run, with what was printed on both outputs and the exit code of the last command. */
  async run(commands: string): Promise<{ printed: string; exitCode: number }> {
    this.written = '';
    this.isBusy = true;
    const end = /\0end (\d+)\n/;
    this.child.stdin!.write(`${commands}\nprintf '\\0end %d\\n' $?\n`);
    let match: RegExpExecArray | null;
    while (!(match = end.exec(this.written))) {
      if (this.hasEnded()) throw new Error(`the shell ended:\n${this.written}`);
      await Promise.race([once(this.child.stdout!, 'data'), this.ended]);
    }
    this.isBusy = false;
    return { printed: this.written.slice(0, match.index), exitCode: Number(match[1]) };
  }

  /** Ends it and its jobs, also in the middle of a loop that would never end. */
  async close(): Promise<void> {
    if (this.hasEnded()) return;
    this.child.stdin!.end('exit\n');
    if (this.isBusy) this.child.kill(); // does not read it, perhaps never
    await this.ended;
  }

  private hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }
}
