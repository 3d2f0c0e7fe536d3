import type { Frame } from './contract';

/** Of so many users a socket remembers what it was told of them. */
const REMEMBERED_USERS = 20_000;

/** Who is there, as one socket was told: that somebody has come or gone is told once, whoever says it and however often. */
export class ToldPresence {
  private users: Map<string, boolean> | undefined;

  /** Whether a frame says something new; it is taken as told then. */
  isNews({ type, body }: Pick<Frame, 'type' | 'body'>): boolean {
    if (type === 'user_online' || type === 'user_offline') return this.note(body['user_id'], type === 'user_online');
    if (type === 'connection_established' && Array.isArray(body['online_users']))
      for (const userId of body['online_users'] as unknown[]) this.note(userId, true);
    // It says itself whether he is there.
    if (type === 'contact_added') this.users?.delete(String(body['user_id']));
    return true;
  }

  believesOnline(userId: string): boolean {
    return this.users?.get(userId) === true;
  }

  private note(userId: unknown, isOnline: boolean): boolean {
    if (typeof userId !== 'string') return true;
    if (this.users?.get(userId) === isOnline) return false;
    this.users ??= new Map();
    if (this.users.size >= REMEMBERED_USERS) this.users.clear();
    this.users.set(userId, isOnline);
    return true;
  }
}
