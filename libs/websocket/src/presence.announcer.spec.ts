import { randomUUID } from 'node:crypto';
import { InProcessKeyValue } from '@banyan/platform/keyvalue/in-process.keyvalue';
import { createLogger } from '@banyan/platform/telemetry/log';
import type { Audience } from './audience';
import { LEASE_MS, Presence } from './presence';
import { PresenceAnnouncer } from './presence.announcer';
import type { WebsocketService } from './websocket.service';

it('whom a dead process leaves are told of in one go, however many, each once', async () => {
  const keyvalue = new InProcessKeyValue({ onListenerError: (error) => expect(error).toBeUndefined() });
  const presence = new Presence(keyvalue);
  const watcher = randomUUID();
  const lost = Array.from({ length: 450 }, () => randomUUID());
  await presence.renew(
    lost.map((userId) => ({ userId, connectionId: randomUUID() })),
    Date.now() - LEASE_MS,
  );
  const told: unknown[] = [];
  const audience = { of: async () => [watcher] } as Partial<Audience> as Audience;
  const sockets = {
    online: async (online: readonly string[]) => ({ online: [...online] }),
    pushMany: async (_userIds: readonly string[], { body }: { body: Record<string, unknown> }) => (told.push(body['user_id']), {}),
  } as Partial<WebsocketService> as WebsocketService;
  jest.useFakeTimers();
  try {
    const announcer = new PresenceAnnouncer(audience, presence, sockets, undefined, createLogger({ level: 'fatal' }));
    announcer.onApplicationBootstrap();
    await jest.advanceTimersByTimeAsync(2_000); // one round
    announcer.onModuleDestroy();
  } finally {
    jest.useRealTimers();
  }
  expect(told.sort()).toEqual([...lost].sort());
  await keyvalue.close();
});
