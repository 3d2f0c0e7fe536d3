import 'reflect-metadata';
import { dotEnv, loadSettings, merged } from '@banyan/platform/config/settings';
import { StartupError } from '@banyan/platform/config/startup-error';
import { banner } from './banner';
import { type RunningServer, startServer } from './server';

/** After this long a stop is not waited for any more. */
const GRACE_MS = 25_000;

async function main(): Promise<void> {
  const settings = loadSettings(merged(process.env, dotEnv()));
  const started = performance.now();
  const starting = startServer(settings);
  stopOnSignal(starting);
  const { url } = await starting;
  process.stdout.write(banner(settings, url, performance.now() - started));
}

/** One Ctrl-C arrives twice under npm: from the terminal and from npm. */
const SAME_KEYSTROKE_MS = 1_000;

/** Ctrl-C and SIGTERM stop what was started, also while it is still starting. A second one does not wait. */
function stopOnSignal(starting: Promise<RunningServer>): void {
  let stoppingSince: number | undefined;
  const stop = (signal: NodeJS.Signals) => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > SAME_KEYSTROKE_MS) process.exit(1);
      return;
    }
    stoppingSince = performance.now();
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
