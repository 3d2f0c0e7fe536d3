import { readList, reader } from './readers';

/** How long a key signs, and how long others can know it before it does. */
export interface TokenKeyTimes {
  readonly signMs: number;
  readonly publishMs: number;
}

export const usualTokenKeys = 'sign=30d publish=5m';

const unitMs = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function readTime(text: string): [string, number] | undefined {
  const [, name, length, unit] = /^(sign|publish)=([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  return name === undefined ? undefined : [name, Number(length) * unitMs[unit as keyof typeof unitMs]];
}

function readTimes(text: string): Record<string, number> | undefined {
  const named = readList(text, readTime);
  return named && Object.fromEntries(named);
}

/** The times that a text names, the usual ones for the others. A key that signs for less time than it is published makes no sense. */
export const tokenKeys = reader(`times such as \`${usualTokenKeys}\`, the first one longer`, (text): TokenKeyTimes | undefined => {
  const named = readTimes(text);
  const { sign = 0, publish = 0 } = { ...readTimes(usualTokenKeys), ...named };
  return named && sign > publish ? { signMs: sign, publishMs: publish } : undefined;
});
