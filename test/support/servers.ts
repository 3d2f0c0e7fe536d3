import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type ServerName = 'postgres' | 'redis' | 'legacy-postgres' | 'rabbitmq';

/** Real servers that a test may kill and start again, which keep their data, addresses and passwords. */
export interface Servers {
  /** `TEST_DATABASE_URL`, `TEST_REDIS_URL`, `TEST_LEGACY_DATABASE_URL`, `TEST_AMQP_URL`, of those that were asked for. */
  readonly env: Readonly<Record<string, string>>;
  /** SIGKILL; resolves when it is gone. */
  kill(name: ServerName): Promise<void>;
  /** Resolves when it answers again. */
  start(name: ServerName): Promise<void>;
  stop(): Promise<void>;
}

const program = join(__dirname, 'services.mjs');

/**
 * Servers of this test's own. The ones named by the environment are every test's: nobody kills those.
 *
 * They end with `stop()`, and with this process, however it ends.
 */
export async function startServers(...names: ServerName[]): Promise<Servers> {
  const owner = spawn(process.execPath, [program, 'run', ...names], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(owner, 'exit');
  const [line] = (await Promise.race([once(owner.stdout, 'data'), exited.then(() => [undefined])])) as [Buffer | undefined];
  if (!line) throw new Error(`the servers ${names.join(', ')} did not start`);
  const { env } = JSON.parse(line.toString()) as { env: Record<string, string> };
  const act = (action: 'kill' | 'start') => async (name: ServerName) => {
    await promisify(execFile)(process.execPath, [program, action, name], { env: { ...process.env, ...env } });
  };
  return {
    env,
    kill: act('kill'),
    start: act('start'),
    stop: async () => {
      owner.stdin.end();
      await exited;
    },
  };
}
