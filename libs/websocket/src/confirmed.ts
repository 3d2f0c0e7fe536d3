import { normaliseUuid, Uuid } from '@banyan/platform/contract';

/** So many messages a socket remembers as confirmed. */
const REMEMBERED = 4_096;

/** What a socket has confirmed already: web clients confirm a whole conversation again with each change. */
export class Confirmed {
  private names: Set<string> | undefined;

  /**
   * @param messageId as a client wrote it: what is no id is of no message, and must not be kept
   * @param work is done unless it was done before; done again if it fails
   */
  async once(how: 'delivered' | 'read', messageId: unknown, work: () => Promise<void>): Promise<void> {
    const id = typeof messageId === 'string' ? Uuid.safeParse(normaliseUuid(messageId)).data : undefined;
    if (id === undefined) return;
    const name = `${how} ${id}`;
    if (this.names?.has(name)) return;
    await work();
    this.names ??= new Set();
    this.names.add(name);
    if (this.names.size > REMEMBERED) this.names.delete(this.names.values().next().value!);
  }
}
