import { Inject, Optional } from '@nestjs/common';
import type { Opening } from '@banyan/platform/nest/opening';
import type { ClientSocket } from './client-socket';

/** Another server, a part of whose work is done here: for each client's socket there is one to it as long as any of its work is left. */
export interface Upstreams {
  /** It tells everybody of everybody, and nothing about presence is told from here. */
  readonly tellsPresence: boolean;
  /**
   * A client has come; his upstream lives as long as he does.
   *
   * @param joined resolves when he is found by what is pushed: his queue is not asked for before
   * @returns true if the other server greets him
   */
  attach(client: ClientSocket, opening: Opening, joined: Promise<void>): boolean;
  detach(client: ClientSocket): void;
  /** Whether a user has a socket at the other server that did not come through ours, as far as this process knows. */
  isOnline(userId: string): boolean;
}

const UPSTREAMS = Symbol('upstreams');

/** Undefined where there is no other server: `@InjectUpstreams() private readonly upstreams: Upstreams | undefined`. */
export const InjectUpstreams = () => (target: object, key: string | symbol | undefined, index: number) => {
  Optional()(target, key, index);
  Inject(UPSTREAMS)(target, key, index);
};

export { UPSTREAMS };
