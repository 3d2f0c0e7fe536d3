import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ContractShape, hashOf } from '@banyan/platform/host/shapes';

/** `0.1.0+3fJk2a`: the version, and a mark that changes when anything this build promises to others does. */
export function buildName(contracts: readonly ContractShape[]): string {
  return `${version()}+${hashOf(contracts.map(({ hash }) => hash)).slice(0, 6)}`;
}

/** Sources and build lie at different depths below it. */
function version(folder = __dirname): string {
  const file = join(folder, 'package.json');
  if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
  return dirname(folder) === folder ? 'unknown' : version(dirname(folder));
}
