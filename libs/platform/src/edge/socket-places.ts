import type { SocketLimits } from '../config/socket-limits';
import { domainError } from '../contract';

/** As many sockets are open as may be, here, for this address or for this user. */
export const TooManySockets = domainError('sockets.too_many', {
  status: 429,
  detail: 'Too many connections are open. Close some, or try again later.',
  retryAfterSeconds: 30,
});

/** A place among the sockets that clients may open at this process. */
export interface SocketPlace {
  /** His token is good: whose it is, is known. */
  confirm(userId: string | undefined): void;
  /** Once, however often it is said. */
  release(): void;
}

/**
 * How many sockets there may be, for all, for one address and for one user. A user's are counted when his token was
 * found good: nobody keeps another one out by asking in his name.
 */
export class SocketPlaces {
  private all = 0;
  private readonly byAddress = new Map<string, number>();
  private readonly byUser = new Map<string, number>();

  constructor(private readonly limits: SocketLimits) {}

  /** @param userId whom the path names @throws TooManySockets */
  take(address: string, userId: string | undefined): SocketPlace {
    const isFull =
      this.all >= this.limits.all ||
      (this.byAddress.get(address) ?? 0) >= this.limits.address ||
      (userId !== undefined && (this.byUser.get(userId) ?? 0) >= this.limits.user);
    if (isFull) throw TooManySockets();
    this.all++;
    add(this.byAddress, address, 1);
    let owner: string | undefined;
    let isReleased = false;
    return {
      confirm: (confirmed) => {
        if (isReleased) return; // he has gone meanwhile
        owner = confirmed;
        if (owner !== undefined) add(this.byUser, owner, 1);
      },
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.all--;
        add(this.byAddress, address, -1);
        if (owner !== undefined) add(this.byUser, owner, -1);
      },
    };
  }
}

function add(counts: Map<string, number>, key: string, difference: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + difference;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
