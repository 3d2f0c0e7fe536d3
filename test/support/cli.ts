import { execFile } from 'node:child_process';
import { join } from 'node:path';

const program = join(__dirname, '../../apps/cli/banyan.mjs');

export interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the compiled `banyan` in a process of its own, without a terminal, with these settings and nothing from this process's environment. */
export function banyan(environment: Readonly<Record<string, string>>, ...args: string[]): Promise<Said> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [program, ...args],
      { cwd: __dirname, env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, ...environment } },
      (error, out, err) => resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    );
    child.stdin?.end();
  });
}
