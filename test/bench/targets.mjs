/** The targets that a run has come by. They are said together at its end; a missed one fails nothing. */
import { median, number, printTable, withSpread } from './figures.mjs';

const judged = [];

/**
 * @param measured one figure for each round; the median is held against the target
 * @param target { atLeast } or { below }, with `aim`: what would be better still
 */
export function judge(what, measured, { atLeast, below, aim, digits = 2, unit = '' }) {
  const reaches = (limit) => (below === undefined ? median(measured) >= limit : median(measured) < limit);
  const words = below === undefined ? 'at least' : 'below';
  const limit = (value) => `${value}${unit}`;
  judged.push([
    what,
    `${words} ${limit(atLeast ?? below)}${aim === undefined ? '' : `, aim ${limit(aim)}`}`,
    measured.length > 1 ? withSpread(measured, digits) : number(measured[0], digits),
    `${reaches(atLeast ?? below) ? 'holds' : 'DOES NOT HOLD'}${aim === undefined ? '' : reaches(aim) ? ', and the aim' : ', not the aim'}`,
  ]);
}

export function printTargets() {
  if (judged.length > 0) printTable('Targets', ['', 'target', 'measured', ''], judged);
}
