#!/usr/bin/env node
/**
 * The stand-in for the legacy monolith as a program of its own: `node test/legacy-app/main.mjs`, with legacy's settings in the environment
 * (`settings.ts`). Prints `{"url": …, "control": …}` as one line of JSON when it listens.
 */
import { createRequire } from 'node:module';
import '../support/typescript.mjs';

if (process.env.LEGACY_ENDS_WITH_PARENT) await import('../support/end-with-parent.mjs');
createRequire(import.meta.url)('./main.ts');
