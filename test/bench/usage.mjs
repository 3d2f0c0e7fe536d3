/** What processes use, as Linux counts it; undefined where there is no /proc. */
import { readdirSync, readFileSync } from 'node:fs';

/** Linux counts processor time for programs in hundredths of a second, whatever its own clock is. */
const MS_PER_TICK = 10;

/** Resident memory in MB. */
export function residentMb(pid) {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
  } catch {
    return undefined;
  }
}

/** Processor time of a process so far. */
export function cpuMs(pid) {
  return read(pid)?.ownMs;
}

/** Of a process, its children and those that it had. */
export function familyCpuMs(pid) {
  const parent = read(pid);
  if (!parent) return undefined;
  const children = readdirSync('/proc').map(read);
  return children.filter((child) => child?.parent === pid).reduce((sum, { ownMs }) => sum + ownMs, parent.ownMs + parent.formerChildrenMs);
}

function read(pid) {
  try {
    // Counted from behind the name, which may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    const [user, system, childrenUser, childrenSystem] = fields.slice(11, 15).map((ticks) => Number(ticks) * MS_PER_TICK);
    return { parent: Number(fields[1]), ownMs: user + system, formerChildrenMs: childrenUser + childrenSystem };
  } catch {
    return undefined;
  }
}
