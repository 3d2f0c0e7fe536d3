import { domains } from '@banyan/domains';
import { probeHost } from '../proxy/legacy-probe';
import { broken, type Check, ok } from './check';
import type { Sight } from './sight';

/** Whether each process that clients reach takes the tokens that are signed here; one out of reach is no line. (The monolith: `checkServers`.) */
export async function checkSecrets({ secret, processes, homes }: Sight): Promise<Check[]> {
  // Without accounts a process could say nothing, and would count it as a failure.
  if (secret === undefined || (homes.get(domains.auth.tableSet) ?? 'none') === 'none') return [];
  const withEdge = processes.filter(({ kind, is_live }) => is_live && kind !== 'worker');
  const found = await Promise.all(
    withEdge.map(async ({ kind, url }) => {
      const what = `secret of the ${kind} at ${url}`;
      const finding = await probeHost(url, secret);
      if (finding === 'alike') return ok(what, 'as here');
      if (finding === 'other-secret')
        return broken(what, 'It does not take the tokens that are signed here: give it the same JWT_SECRET_KEY, and start it again.');
      return undefined;
    }),
  );
  return found.filter((check) => check !== undefined);
}
