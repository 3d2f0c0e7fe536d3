import type { Provider } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { Database, type DatabaseOptions } from '../database/database';
import { currentContext } from '../dispatch/context';
import { Inbox } from '../events/inbox';
import { Outbox } from '../events/outbox';
import { formatTraceparent } from '../telemetry/trace';

/** What a domain that keeps data works with. */
interface DomainData {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly inbox: Inbox;
}

/** The databases of the domains of this process. */
export class Databases {
  private readonly byDomain = new Map<string, DomainData>();

  /** @param home throws DatabaseUnavailable while there is none */
  add(domain: string, home: () => DataSource, { isLegacy }: Pick<DatabaseOptions, 'isLegacy'> = {}): void {
    const database = new Database(home, { deadlineOf: () => currentContext()?.deadline, isLegacy });
    this.byDomain.set(domain, { database, outbox: new Outbox(database, { traceOf: currentTrace }), inbox: new Inbox(database) });
  }

  of(domain: string): DomainData {
    const data = this.byDomain.get(domain);
    if (!data) throw new Error(`${domain} has no database in this process`);
    return data;
  }

  entries(): Iterable<[string, DomainData]> {
    return this.byDomain.entries();
  }
}

/** The trace of the running call as a traceparent, for what is written now and read elsewhere. */
export function currentTrace(): string | undefined {
  const trace = currentContext()?.trace;
  return trace && formatTraceparent(trace);
}

/** In a domain's module, `Database`, `Outbox` and `Inbox` are its own. */
export function dataOf(domain: string): Provider[] {
  return [
    { provide: Database, inject: [Databases], useFactory: (databases: Databases) => databases.of(domain).database },
    { provide: Outbox, inject: [Databases], useFactory: (databases: Databases) => databases.of(domain).outbox },
    { provide: Inbox, inject: [Databases], useFactory: (databases: Databases) => databases.of(domain).inbox },
  ];
}
