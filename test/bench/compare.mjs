/** Banyan and the bare program under the same load, in turns. */
import { ask } from './programs.mjs';
import { cpuMs, familyCpuMs } from './usage.mjs';

/**
 * One round after the other, both in each, in turns first: A B, B A, A B …
 *
 * @param programs { banyan, bare, postgres }; of the last only the `pid`
 * @param load { seconds, connections, requestsFile, perSecond?: { banyan, bare } }
 * @param settle(name) is awaited after each load, e.g. until nothing is left to do; its processor time counts
 * @returns { banyan: Result[], bare: Result[] } of load.mjs, with processor time in µs for each answered request
 * @throws Error when a request was not answered with 200: figures of failures are worth nothing
 */
export async function compare(programs, { rounds, perSecond, ...load }, settle = async () => undefined) {
  const results = { banyan: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? ['banyan', 'bare'] : ['bare', 'banyan'];
    for (const name of order) {
      const { url, pid } = programs[name];
      const usedMs = () => [cpuMs(pid), familyCpuMs(programs.postgres.pid)];
      const before = usedMs();
      const result = await ask('load.mjs', { ...load, url, perSecond: perSecond?.[name] });
      if (result.failed > 0 || result.ok === 0)
        throw new Error(`${name}: ${result.failed} of ${result.ok + result.failed} requests failed`);
      await settle(name);
      const [programUs, postgresUs] = usedMs().map((ms, n) => ((ms - before[n]) * 1_000) / result.ok);
      results[name].push({ ...result, programUs, postgresUs });
    }
  }
  return results;
}
