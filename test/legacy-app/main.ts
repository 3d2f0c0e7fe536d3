import { LegacyApp } from './app';
import { readSettings } from './settings';

LegacyApp.start(readSettings(process.env)).then(
  ({ url, control }) => console.log(JSON.stringify({ url, control })),
  (error: Error) => {
    console.error(`Application startup failed: ${error.message}`);
    process.exit(3);
  },
);
