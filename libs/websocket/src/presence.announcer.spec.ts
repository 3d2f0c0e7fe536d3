import { randomUUID } from 'node:crypto';
import { InProcessKeyValue } from '@banyan/platform/keyvalue/in-process.keyvalue';
import { createLogger } from '@banyan/platform/telemetry/log';
import type { Audience } from './audience';
import { LEASE_MS, Presence } from './presence';
import { PresenceAnnouncer } from './presence.announcer';
import type { WebsocketService } from './websocket.service';

it('whom a dead process leaves are told of, however many, each once, and later if nobody could be told', async () => {
  const keyvalue = new InProcessKeyValue({ onListenerError: (error) => expect(error).toBeUndefined() });
  const presence = new Presence(keyvalue);
  const watcher = randomUUID();
  const lost = Array.from({ length: 450 }, () => randomUUID());
  await presence.renew(
    lost.map((userId) => ({ userId, connectionId: randomUUID() })),
    Date.now() - LEASE_MS,
  );
  const told: unknown[] = [];
  const unlucky = new Set<string>(lost.slice(0, 3));
  // Who cannot be told of the first time comes in the next round.
  const audience = {
    of: async (userId: string) => {
      if (unlucky.delete(userId)) throw new Error('nobody answers');
      return [watcher];
    },
  } as Partial<Audience> as Audience;
  const sockets = {
    online: async (online: readonly string[]) => ({ online: [...online] }),
    pushMany: async (_userIds: readonly string[], { body }: { body: Record<string, unknown> }) => (told.push(body['user_id']), {}),
  } as Partial<WebsocketService> as WebsocketService;
  jest.useFakeTimers();
  try {
    const announcer = new PresenceAnnouncer(audience, presence, sockets, undefined, createLogger({ level: 'fatal' }));
    announcer.onApplicationBootstrap();
    while (told.length < lost.length) await jest.advanceTimersByTimeAsync(2_000);
    announcer.onModuleDestroy();
  } finally {
    jest.useRealTimers();
  }
  expect(told.sort()).toEqual([...lost].sort());
  await keyvalue.close();
});
