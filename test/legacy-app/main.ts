import { LegacyApp } from './app';
import { readSettings } from './settings';

const LONGEST_STOP_MS = 5_000;

LegacyApp.start(readSettings(process.env)).then(
  (app) => {
    process.once('SIGTERM', () => {
      setTimeout(() => process.exit(), LONGEST_STOP_MS).unref(); // the original waits for ever; a test's must not be left behind
      void app.stop().then(() => process.exit());
    });
    console.log(JSON.stringify({ url: app.url, control: app.control }));
  },
  (error: Error) => {
    console.error(`Application startup failed: ${error.message}`);
    process.exit(3);
  },
);
