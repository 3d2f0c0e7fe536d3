/** A fenced block of shell commands in a document, and what the document says that they print. */
export interface ShellBlock {
  /** Of its first line, for messages. */
  readonly line: number;
  readonly commands: string;
  /** Of the last command; ```` ```sh exit=1 ```` says that it is not 0. */
  readonly exitCode: number;
  /** Lines of the block ```` ```text ```` that follows; none if none does. */
  readonly printed: readonly string[];
}

const FENCE = /^```(?<language>sh|text)(?: exit=(?<code>\d+))?\n(?<body>(?:(?!```).*\n)*)```$/gm;

export function shellBlocks(markdown: string): ShellBlock[] {
  const blocks: { line: number; commands: string; exitCode: number; printed: string[] }[] = [];
  for (const { groups, index } of markdown.matchAll(FENCE)) {
    const { language, code, body } = groups as { language: string; code?: string; body: string };
    if (language === 'text') blocks.at(-1)?.printed.push(...body.split('\n').filter((line) => line.trim()));
    else blocks.push({ line: markdown.slice(0, index).split('\n').length + 1, commands: body, exitCode: Number(code ?? 0), printed: [] });
  }
  return blocks;
}

/**
 * The first of the lines that was not printed in their order; undefined if all were. Compared loosely: a number is any number unless it is a percentage, blanks are one blank, `…` is anything,
 * also further lines.
 */
export function missingLine(printed: string, expected: readonly string[]): string | undefined {
  const lines = printed.split('\n');
  let from = 0;
  for (const line of expected) {
    if (line.trim() === '…') continue;
    const pattern = patternOf(line);
    const found = lines.findIndex((candidate, index) => index >= from && pattern.test(loosely(candidate)));
    if (found < 0) return line;
    from = found + 1;
  }
  return undefined;
}

const patternOf = (line: string): RegExp => new RegExp(`^${loosely(line).split('…').map(escape).join('.*')}$`);

/** Builds, who ran a command where, and the widths of columns are nobody's promise either. */
const loosely = (line: string): string =>
  line
    .replace(/\b\d+\.\d+\.\d+\+\S+/g, '#')
    .replace(/\bcli \S+@\S+:/g, 'cli somebody:')
    .replace(/\blocalhost:\d+/g, '127.0.0.1:1')
    .replace(/\d+(?:[.,:-]\d+)*(?![\d.]*%)/g, '#')
    .replace(/\s+/g, ' ')
    .trim();

const escape = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
