import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { legacyFiles } from '@banyan/migration/prepare/script';

/** Writes this folder's SQL anew: `npx nest build && node dist/migrations/legacy/generate.js`, from the root of the repository. */
const folder = join(process.cwd(), 'migrations', 'legacy');
mkdirSync(folder, { recursive: true });
for (const [name, content] of Object.entries(legacyFiles())) writeFileSync(join(folder, name), content);
