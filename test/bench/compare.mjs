/** Programs under the same load, in turns. */
import { median, ratios, withSpread } from './figures.mjs';
import { ask } from './programs.mjs';

/**
 * One round after the other, each program in each, another one first in each: A B C, B C A, C A B …
 *
 * @param programs by name: `url`; `meters`, functions by name that give processor time so far in ms; `begin`, awaited before each load;
 *   `settle`, awaited after it until what it has led to is done, which counts as processor time
 * @param load { seconds, connections, requestsFile }, and `perSecond` by name for an even load
 * @returns by name the results of load.mjs, one a round, with `us`: processor time by meter, and the load's own, for each answered request
 * @throws Error when a request was not answered with 200: figures of failures are worth nothing
 */
export async function compare(programs, { rounds, perSecond, ...load }) {
  const names = Object.keys(programs);
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const { url, meters, begin, settle } = programs[name];
      await begin?.();
      const before = readAll(meters);
      const result = await ask('load.mjs', { ...load, url, perSecond: perSecond?.[name] });
      if (result.failed > 0 || result.ok === 0)
        throw new Error(`${name}: ${result.failed} of ${result.ok + result.failed} requests failed`);
      await settle?.();
      const usedMs = Object.entries(readAll(meters)).map(([part, ms]) => [part, ms - before[part]]);
      const us = Object.fromEntries([...usedMs, ['load', result.loadMs]].map(([part, ms]) => [part, (ms * 1_000) / result.ok]));
      results[name].push({ ...result, us });
    }
  }
  return results;
}

const readAll = (meters) => Object.fromEntries(Object.entries(meters).map(([part, read]) => [part, read()]));

/** Lines of tables with a column for each program, and then one for each ratio to `base`. */
export class Columns {
  /** @param results of `compare`; @param base the name of the program that the others are compared with */
  constructor(results, base) {
    this.results = results;
    this.base = base;
    this.names = Object.keys(results);
    this.others = this.names.filter((name) => name !== base);
  }

  /** @param titles by name */
  head(titles) {
    return ['', ...this.names.map((name) => titles[name]), ...this.others.map((name) => `${titles[name]} to ${titles[this.base]}`)];
  }

  /** @param of gives the figure of one round; none where nothing is known @param isShared false: its ratios say nothing */
  line(title, of, { digits = 0, isShared = true } = {}) {
    const own = this.names.map((name) => (this.has(name, of) ? withSpread(this.results[name].map(of), digits) : '–'));
    const shares = this.others.map((name) =>
      isShared && this.has(name, of) && this.has(this.base, of) && median(this.results[this.base].map(of)) > 0
        ? withSpread(this.ratios(name, of), 2)
        : '',
    );
    return [title, ...own, ...shares];
  }

  /** Of each round, so that what disturbed a round disturbed both. */
  ratios(name, of) {
    return ratios(this.results[name].map(of), this.results[this.base].map(of));
  }

  has(name, of) {
    return this.results[name].every((result) => Number.isFinite(of(result)));
  }
}

export const rate = ({ perSecond }) => perSecond;
