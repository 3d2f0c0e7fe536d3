import type { Check } from './check';
import { checkClocks } from './clocks';
import { checkContradictions, type State } from './contradictions';
import { checkRights } from './rights';
import { checkSecrets } from './secrets';
import { checkServers } from './servers';
import type { Sight } from './sight';

/** Everything that can be told without changing anything. @param state undefined while host_db does not answer */
export async function examine(sight: Sight, state: State | undefined): Promise<Check[]> {
  const found = await Promise.all([
    checkServers(sight).then(({ checks }) => checks),
    checkRights(sight),
    checkSecrets(sight),
    checkClocks(sight),
    ...(state ? [checkContradictions(sight, state)] : []),
  ]);
  return found.flat();
}
