import { join } from 'node:path';

import { findFolder } from './sources.mjs';

/** A program, not a server: what a browser test starts itself. `TEST_CHROMIUM` names it. */
export const chromium = {
  name: 'chromium',
  setting: 'CHROMIUM',
  program: 'chromium',
  debianPackages: ['chromium'],

  findBinaries() {
    const folder = findFolder('chromium', ['/usr/bin']);
    return folder && { program: join(folder, 'chromium') };
  },
};
