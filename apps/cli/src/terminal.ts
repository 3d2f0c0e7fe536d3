/** A column: its heading, and whether numbers stand to the right. */
export interface Column {
  readonly heading: string;
  readonly right?: boolean;
}

/** Rows under headings, as wide as they need to be. Nothing but text, so that it can be piped. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const lines = [columns.map(({ heading }) => heading), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => (line[index] ?? '').length)));
  return lines
    .map((line) =>
      columns
        .map(({ right }, index) => (right ? (line[index] ?? '').padStart(widths[index]!) : (line[index] ?? '').padEnd(widths[index]!)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join('');
}

export const print = (text: string): void => void process.stdout.write(text);
export const printJson = (value: unknown): void => print(`${JSON.stringify(value, null, 2)}\n`);

/** `850 ms`, `42 s`, `3 h`: one unit, for reading at a glance. */
export function duration(seconds: number): string {
  const units = [
    ['d', 86_400],
    ['h', 3_600],
    ['min', 60],
    ['s', 1],
  ] as const;
  const [unit, size] = units.find(([, unitSize]) => seconds >= unitSize) ?? ['ms', 0.001];
  return `${Math.floor(seconds / size)} ${unit}`;
}
