import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

interface Expectation {
  /** Judge by what legacy does, not by what a safe server does. */
  readonly legacy?: boolean;
  /** Some users are at legacy and some at new code: right is what either does. */
  readonly either?: boolean;
  /** Shell commands by name; a case whose hook is missing is skipped. */
  readonly hooks?: Readonly<Record<string, string>>;
}

/** Plays recorded cases against a server. @returns the outcome of each, in order: `ok`, or what was wrong */
export async function playCases(
  url: string,
  cases: readonly { name: string }[],
  { legacy = false, either = false, hooks = {} }: Expectation = {},
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'banyan-cases-'));
  try {
    const file = join(folder, 'cases.json');
    await writeFile(file, JSON.stringify(cases));
    const options = [
      ...(legacy ? ['--legacy'] : []),
      ...(either ? ['--either'] : []),
      ...Object.entries(hooks).flatMap(([name, command]) => ['--hook', `${name}=${command}`]),
    ];
    const runner = spawn(process.execPath, [join(__dirname, 'run-cases.mjs'), url, file, '--verbose', ...options], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    return outcomes(await text(runner.stdout));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function outcomes(output: string): string[] {
  const lines = output.split('\n');
  return lines.flatMap((line, i) => {
    if (line.startsWith('ok    ')) return ['ok'];
    if (line.startsWith('FAIL  ')) return [lines[i + 1]!.trim()];
    return line.startsWith('skip  ') ? [line] : [];
  });
}
