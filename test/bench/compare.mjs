/** Banyan and the bare program under the same load, in turns. */
import { ask } from './programs.mjs';

/**
 * One round after the other, Banyan and bare in each: A B B A A B …, so that neither is always the first.
 *
 * @param load { seconds, connections, requestsFile, perSecond?: { banyan, bare } }
 * @param afterBanyan is awaited before the next load, e.g. until Banyan has nothing left to do
 * @returns { banyan: Result[], bare: Result[] } of load.mjs
 * @throws Error when a request was not answered with 200: figures of failures are worth nothing
 */
export async function compare({ banyan, bare }, { rounds, perSecond, ...load }, afterBanyan = async () => undefined) {
  const results = { banyan: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ['banyan', 'bare'] : ['bare', 'banyan'];
    for (const name of order) {
      const { url } = { banyan, bare }[name];
      const result = await ask('load.mjs', { ...load, url, perSecond: perSecond?.[name] });
      if (result.failed > 0 || result.ok === 0)
        throw new Error(`${name}: ${result.failed} of ${result.ok + result.failed} requests failed`);
      results[name].push(result);
      if (name === 'banyan') await afterBanyan();
    }
  }
  return results;
}
