import 'reflect-metadata';
import { dotEnv, loadSettings } from '@banyan/platform/config/settings';
import { StartupError } from '@banyan/platform/config/startup-error';
import { banner } from './banner';
import { type RunningServer, startServer } from './server';

/** After this long a stop is not waited for any more. */
const GRACE_MS = 25_000;

async function main(): Promise<void> {
  const settings = loadSettings({ ...dotEnv(), ...process.env });
  const started = performance.now();
  const starting = startServer(settings);
  stopOnSignal(starting);
  const { url } = await starting;
  process.stdout.write(banner(settings, url, performance.now() - started));
}

/** Ctrl-C and SIGTERM stop what was started, also while it is still starting. A second signal does not wait. */
function stopOnSignal(starting: Promise<RunningServer>): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    if (isStopping) process.exit(1);
    isStopping = true;
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    const code = signal === 'SIGINT' ? 130 : 0;
    starting
      .then((server) => server.stop())
      .then(
        () => process.exit(code),
        () => process.exit(1),
      );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}

main().catch((error: unknown) => {
  process.stderr.write(error instanceof StartupError ? `${error.message}\n` : `${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(1);
});
