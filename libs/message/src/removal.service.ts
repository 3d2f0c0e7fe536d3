import { Injectable } from '@nestjs/common';
import { RemovalStore } from './removal.store';

/** What becomes of the messages of somebody who is removed. */
@Injectable()
export class RemovalService {
  constructor(private readonly store: RemovalStore) {}

  /**
   * First nothing more is taken, then what was under way is waited for, then everything is erased: so a message that was being sent
   * is refused or erased, and never left behind.
   */
  async purge(userId: string): Promise<Record<string, never>> {
    await this.store.mark(userId);
    await this.store.awaitWriters();
    while (await this.store.eraseSome(userId));
    return {};
  }
}
