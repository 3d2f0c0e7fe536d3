import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(__dirname, '../..');
const main = join(root, 'dist/apps/server/src/main.js');

/** The compiled server in a process of its own, to be stopped, frozen and killed. */
export interface ServerProcess {
  readonly url: string;
  readonly child: ChildProcess;
  /** As Ctrl-C or an orchestrator would; resolves when it is gone. */
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/**
 * Starts the server with these settings and nothing from this process's environment that could be one; it picks a free port.
 *
 * @param script instead of the compiled server: TypeScript that prints `API    <url>` when it is ready
 */
export async function startServerProcess(
  environment: Readonly<Record<string, string>>,
  { script }: { script?: string } = {},
): Promise<ServerProcess> {
  if (!existsSync(main)) throw new Error(`There is no ${main}: build first (npm run build), or run the tests with npm test`);
  const program =
    script === undefined ? [main] : ['--import', join(__dirname, 'typescript.mjs'), '-e', `require(${JSON.stringify(script)})`];
  const child = spawn(process.execPath, program, {
    cwd: __dirname, // away from a developer's .env, which the server would read
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TMPDIR: process.env.TMPDIR, PORT: '0', BIND: '127.0.0.1', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exited = once(child, 'exit');
  const said: string[] = [];
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      said.push(`${line}\n`);
      const [, found] = /(?:API|probes at)\s+(http:\/\/[^/\s]+)/.exec(line) ?? [];
      if (found) resolve(found);
    });
    void exited.then(() => reject(new Error(`The server did not start:\n${said.join('')}`)));
  });
  const end = (signal: NodeJS.Signals) => async () => {
    child.kill('SIGCONT'); // a frozen one too
    child.kill(signal);
    await exited;
  };
  return { url, child, stop: end('SIGTERM'), kill: end('SIGKILL') };
}
