import { readEmbeddedUrl } from '@banyan/platform/embedded/postgres';
import { ServerProcess } from '../support/server-process';
import type { Violation } from './checker';
import { Load, type LoadOptions } from './load';
import { eventsSettled } from './settled';

/** What is left of a load and its server to look at when both have come to rest. */
export interface Aftermath {
  readonly load: Load;
  readonly violations: readonly Violation[];
}

export interface SceneOptions extends Omit<LoadOptions, 'baseUrl'> {
  readonly server: ServerProcess;
  /** The PostgreSQL of the server, past any proxy; the embedded one by default. */
  readonly databaseUrl?: string;
  /** Happens when a third of the load is done; the load goes on meanwhile. */
  readonly fault: (load: Load) => Promise<unknown>;
}

/** A steady load, a fault in the middle of it, and the verdict on what the clients saw. */
export async function play({ server, databaseUrl, fault, ...options }: SceneOptions): Promise<Aftermath> {
  const load = await Load.prepare({ baseUrl: server.url, ...options });
  load.start();
  await load.reached(1 / 3);
  await fault(load);
  const violations = await load.finish(async () => eventsSettled(databaseUrl ?? (await readEmbeddedUrl(server.dataDir)) ?? ''));
  return { load, violations };
}

/** Waits for the end of a load and of its events, which are in these databases. */
export async function aftermathOf(load: Load, databases: Parameters<typeof eventsSettled>[0]): Promise<Aftermath> {
  return { load, violations: await load.finish(() => eventsSettled(databases)) };
}

/** What every scene must end with; as one value, so that a failure shows the seed and everything that was told. */
export function verdict({ load, violations }: Aftermath) {
  return { run: load.toString(), complaints: load.tally.complaints, violations };
}

/** `expect(verdict(…)).toEqual(clean(…))` */
export function clean({ load }: Aftermath) {
  return { run: load.toString(), complaints: [], violations: [] };
}
