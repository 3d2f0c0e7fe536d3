/** Figures of several rounds, and how they are printed. */

export function median(values) {
  return quantile(values, 0.5);
}

/** @param q 0.99 is the value that 99 of 100 do not exceed */
export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return below + (above - below) * (place % 1);
}

/** The median and, in brackets, the least and the greatest: `4,210 (4,050–4,300)`. */
export function withSpread(values, digits = 0) {
  const show = (value) => number(value, digits);
  return `${show(median(values))} (${show(Math.min(...values))}–${show(Math.max(...values))})`;
}

export function number(value, digits = 0) {
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** Of each round's pair, so that what disturbed a round disturbed both. */
export function ratios(ours, theirs) {
  return ours.map((value, round) => value / theirs[round]);
}

/** A Markdown table, as docs/bench.md takes it. */
export function printTable(title, head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  console.log(`\n### ${title}\n\n${[line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')}`);
}
