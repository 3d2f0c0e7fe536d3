import { reader, readList } from './readers';

/** How many sockets may be open in one process: of everybody, of one address, of one user. */
export type SocketLimits = Readonly<Record<'all' | 'address' | 'user', number>>;

/** A person has a few devices and pages open, an office behind one address some hundreds of people. */
export const usualSocketLimits = 'all=20000 address=2000 user=50';

function readLimit(text: string): [keyof SocketLimits, number] | undefined {
  const [, name, count] = /^(all|address|user)=([1-9]\d{0,6})$/.exec(text) ?? [];
  return name === undefined ? undefined : [name as keyof SocketLimits, Number(count)];
}

function readLimits(text: string): Partial<SocketLimits> | undefined {
  const named = readList(text, readLimit);
  return named && Object.fromEntries(named);
}

/** The limits that a text names, the usual ones for the others. */
export const socketLimits = reader(`limits such as \`${usualSocketLimits}\``, (text): SocketLimits | undefined => {
  const named = readLimits(text);
  return named && { ...(readLimits(usualSocketLimits) as SocketLimits), ...named };
});
