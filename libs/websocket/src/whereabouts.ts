import type { KeyValue } from '@banyan/platform/keyvalue/keyvalue';
import { InjectKeyValue } from '@banyan/platform/nest/inject';
import { Injectable } from '@nestjs/common';
import { LEASE_MS } from './presence';

const PROCESSES = 'sockets:processes';
const usersOf = (processId: string) => `sockets:users:${processId}`;

/**
 * Which processes have sockets of whom, as leases in the key-value store: one set of processes, and for each the set of its users. So a frame for
 * very many finds its way with one question for each process.
 */
@Injectable()
export class Whereabouts {
  constructor(@InjectKeyValue() private readonly keyvalue: KeyValue) {}

  /** Says that the process is there, with these users. @returns false if nobody could know: it has not said so for a lease, or the store has lost it */
  async renew(processId: string, userIds: readonly string[], now = Date.now()): Promise<boolean> {
    const [[until = 0]] = await Promise.all([
      this.keyvalue.sortedScores(PROCESSES, [processId]),
      this.keyvalue.sortedTrim(PROCESSES, { max: now }),
      this.keyvalue.sortedTrim(usersOf(processId), { max: now }),
      this.keyvalue.sortedAdd(PROCESSES, [{ member: processId, score: now + LEASE_MS }], LEASE_MS),
      this.add(processId, userIds, now),
    ]);
    return until > now;
  }

  add(processId: string, userIds: readonly string[], now = Date.now()): Promise<void> {
    const entries = userIds.map((member) => ({ member, score: now + LEASE_MS }));
    return this.keyvalue.sortedAdd(usersOf(processId), entries, LEASE_MS);
  }

  async remove(processId: string, userId: string): Promise<void> {
    await this.keyvalue.sortedRemove(usersOf(processId), [userId]);
  }

  /** The processes but `self` that have sockets of some of these users, with those users. */
  async find(userIds: readonly string[], self: string, now = Date.now()): Promise<Map<string, string[]>> {
    const processes = (await this.keyvalue.sortedRange(PROCESSES, { min: now + 1 }))
      .map(({ member }) => member)
      .filter((id) => id !== self);
    const scores = await Promise.all(processes.map((processId) => this.keyvalue.sortedScores(usersOf(processId), userIds)));
    const found = processes.map((processId, at) => [processId, userIds.filter((_, user) => (scores[at]?.[user] ?? 0) > now)] as const);
    return new Map(found.filter(([, users]) => users.length > 0));
  }
}
