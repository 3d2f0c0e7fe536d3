/**
 * `node --require ./test/support/typescript.mjs file.ts` runs TypeScript as jest does: for tests that need a process of their own to
 * kill, and for tools.
 */
import { readFileSync } from 'node:fs';
import Module from 'node:module';
import { join } from 'node:path';
import { transformSync } from '@swc/core';

const root = join(import.meta.dirname, '../..');
const options = { ...JSON.parse(readFileSync(join(root, '.swcrc'), 'utf8')), exclude: [] }; // specs too
options.jsc.baseUrl = root;

Module._extensions['.ts'] = (module, filename) => {
  const { code } = transformSync(readFileSync(filename, 'utf8'), { ...options, filename, swcrc: false, sourceMaps: 'inline' });
  module._compile(code, filename);
};

const resolve = Module._resolveFilename;
Module._resolveFilename = function (request, ...rest) {
  const [, room, path] = /^@banyan\/([^/]+)(?:\/(.*))?$/.exec(request) ?? [];
  const target = room === 'domains' ? join(root, 'libs/domains.ts') : room && join(root, 'libs', room, 'src', path);
  return resolve.call(this, target ?? request, ...rest);
};
