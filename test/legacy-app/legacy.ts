import type { Database } from './database';
import type { RelayQueue } from './relay-queue';
import type { Settings } from './settings';
import type { Sockets } from './sockets';
import type { Tokens } from './tokens';

/** What routes and frames share. All but the database is this process's memory, and gone with it. */
export interface Legacy {
  readonly settings: Settings;
  readonly db: Database;
  readonly tokens: Tokens;
  readonly sockets: Sockets;
  readonly relay: RelayQueue;
  /** Mails that were not sent: there is no key for the mail service. */
  readonly mails: { to: string; subject: string; html: string }[];
  /** Faults that a test has switched on. */
  readonly faults: { failsMessageWrites: boolean };
}
