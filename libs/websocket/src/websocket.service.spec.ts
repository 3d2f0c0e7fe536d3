import { randomUUID } from 'node:crypto';
import { type KeyValue, KeyValueUnavailable } from '@banyan/platform/keyvalue/keyvalue';
import { type DataHome, ownHome } from '../../../test/support/data-homes';
import { FragileKeyValue, keyValueStores } from '../../../test/support/fragile.keyvalue';
import { type House, startHouse } from '../../../test/support/house';
import { until } from '../../../test/support/until';
import type { Connection } from './connections';
import { type Frame, websocketContract } from './contract';
import { LEASE_MS, Presence } from './presence';
import { WebsocketService } from './websocket.service';

function socket(userId: string, { takes = true, sessionId = undefined as string | undefined, connectionId = randomUUID() as string } = {}) {
  const frames: Frame[] = [];
  const ends: string[] = [];
  const connection: Connection = {
    connectionId,
    userId,
    sessionId,
    end: () => ends.push('ended'),
    send: (frame) => {
      if (takes) frames.push(frame);
      return takes;
    },
  };
  return { connection, frames, ends };
}

describe.each(keyValueStores)('open sockets, with a key-value store $keyvalueName,', ({ openKeyValue }) => {
  let home: DataHome;
  let keyvalue: KeyValue;
  let store: FragileKeyValue;
  let house: House;
  let sockets: WebsocketService;
  const calls = () => house.as('system', websocketContract);
  beforeAll(async () => {
    home = await ownHome.open('user');
    keyvalue = await openKeyValue();
    store = new FragileKeyValue(keyvalue);
    house = await startHouse({ domains: ['websocket'], home, keyvalue: store });
    sockets = house.get(WebsocketService);
  });
  afterEach(() => store.failNext(0));
  afterAll(async () => {
    await house?.close();
    await keyvalue?.close();
    await home?.close();
  });

  it('get every frame for their user, and count if they took it', async () => {
    const [ada, bob] = [randomUUID(), randomUUID()];
    const [phone, laptop, stuck, other] = [socket(ada), socket(ada), socket(ada, { takes: false }), socket(bob)];
    for (const { connection } of [phone, laptop, stuck, other]) await sockets.open(connection);
    const frame = { type: 'relay_message', id: 'one', body: { data: { a: [1, null] } } };
    expect(await calls().push({ user_id: ada, frame })).toEqual({ delivered: 2 });
    expect([phone.frames[0], laptop.frames[0]]).toEqual([frame, frame]);
    expect(other.frames).toEqual([]);
    await sockets.close(phone.connection);
    expect(await calls().push({ user_id: ada, frame })).toEqual({ delivered: 1 });
    expect(await calls().push({ user_id: randomUUID(), frame })).toEqual({ delivered: 0 });
  });

  it.each([2, 100])('take what is pushed to %d users once, also in another process', async (count) => {
    const other = await startHouse({ domains: ['websocket'], home, keyvalue: store });
    try {
      const users = Array.from({ length: count }, () => randomUUID());
      const there = other.get(WebsocketService);
      const near = socket(users[0]!, { connectionId: sockets.newConnectionId() });
      const far = socket(users[1]!, { connectionId: there.newConnectionId() });
      await sockets.open(near.connection);
      await there.open(far.connection);
      const frame = { type: 'new_group_message', id: '', body: { count } };
      await sockets.pushMany(users, frame); // not as an operation, which is executed twice here
      await until(async () => far.frames.length > 0);
      expect([near.frames, far.frames]).toEqual([[frame], [frame]]);
    } finally {
      await other.close();
    }
  });

  it('are known to have been pushed to as soon as they were, and not before', async () => {
    const [ada, frame] = [randomUUID(), { type: 'relay_message', id: randomUUID(), body: {} }];
    await sockets.open(socket(ada).connection);
    expect(await sockets.hasPushedWithin(ada, frame.id, 0)).toBe(false);
    expect(await sockets.hasPushedWithin(ada, frame.id, 1)).toBe(false);
    const asked = Promise.all([1, 2].map(() => sockets.hasPushedWithin(ada, frame.id, 3_600_000)));
    await sockets.push(ada, frame);
    expect(await asked).toEqual([true, true]);
    expect(await sockets.hasPushedWithin(ada, frame.id, 3_600_000)).toBe(true);
  });

  it('are done with where nobody is', async () => {
    const [ada, frame] = [randomUUID(), { type: 'relay_message', id: randomUUID(), body: {} }];
    expect(sockets.hasPushed(ada, frame.id)).toBe(false);
    await sockets.push(ada, frame);
    expect(sockets.hasPushed(ada, frame.id)).toBe(true);
    expect(sockets.hasPushed(randomUUID(), frame.id)).toBe(false);
  });

  it('are not done with while the store does not say where else somebody is', async () => {
    const [ada, frame] = [randomUUID(), { type: 'relay_message', id: randomUUID(), body: {} }];
    const own = socket(ada);
    await sockets.open(own.connection);
    store.failNext(1);
    expect(await sockets.push(ada, frame)).toEqual({ delivered: 1 });
    expect(sockets.hasPushed(ada, frame.id)).toBe(false);
    store.failNext(1);
    await expect(sockets.reachMany([ada], frame)).rejects.toBeInstanceOf(KeyValueUnavailable);
    expect(own.frames).toEqual([frame, frame]);
  });

  it('are asked for what they missed if they could not be found at first, or were not shown their queue', async () => {
    const [ada, bob] = [randomUUID(), randomUUID()];
    const found = new Set<string>();
    sockets.onMissed = (userIds) => userIds.forEach((userId) => found.add(userId));
    store.failNext(2);
    await expect(sockets.open(socket(ada).connection)).rejects.toBeInstanceOf(KeyValueUnavailable);
    store.failNext(0);
    await sockets.open(socket(bob).connection);
    sockets.owe(bob);
    await until(async () => found.has(ada) && found.has(bob));
    expect((await calls().online({ user_ids: [ada] })).online).toEqual([ada]);
  });

  it('make their user online until the last of them has gone', async () => {
    const [ada, bob] = [randomUUID(), randomUUID()];
    const [phone, laptop] = [socket(ada).connection, socket(ada).connection];
    const before = (await calls().onlineCount({})).count;
    await sockets.open(phone);
    await sockets.open(laptop);
    expect(await calls().online({ user_ids: [bob, ada] })).toEqual({ online: [ada] });
    expect((await calls().onlineCount({})).count).toBe(before + 1);
    expect(await sockets.close(phone)).toBe(false);
    expect(await calls().online({ user_ids: [bob, ada] })).toEqual({ online: [ada] });
    expect(await sockets.close(laptop)).toBe(true);
    expect(await calls().online({ user_ids: [bob, ada] })).toEqual({ online: [] });
    expect((await calls().onlineCount({})).count).toBe(before);
  });

  it('of a process that died are online for a lease and no longer', async () => {
    const presence = new Presence(store);
    const [ada, now] = [randomUUID(), Date.now()];
    const [dead, alive] = [
      { userId: ada, connectionId: 'dead' },
      { userId: ada, connectionId: 'alive' },
    ];
    await presence.renew([dead, alive], now);
    await presence.renew([alive], now + LEASE_MS / 2);
    expect(await presence.connections(ada, now + LEASE_MS - 1)).toEqual(['dead', 'alive']);
    expect(await presence.connections(ada, now + LEASE_MS)).toEqual(['alive']);
    expect(await presence.leave(ada, 'alive', now + LEASE_MS)).toBe(true);
    expect(await presence.isOnline(ada, now + LEASE_MS)).toBe(false);
  });

  it('that renew their lease stay, and the count forgets those that do not', async () => {
    const presence = new Presence(store);
    // Far ahead of the sockets of the other tests, so that none of theirs counts.
    const now = Date.now() + 10 * LEASE_MS;
    const [ada, bob] = [randomUUID(), randomUUID()].map((userId) => ({ userId, connectionId: randomUUID() }));
    await presence.renew([ada!, bob!], now);
    expect(await presence.count(now)).toBe(2);
    await presence.renew([ada!], now + LEASE_MS - 1);
    expect(await presence.count(now + LEASE_MS)).toBe(1);
    expect(await presence.isOnline(ada!.userId, now + LEASE_MS)).toBe(true);
    expect(await presence.isOnline(bob!.userId, now + LEASE_MS)).toBe(false);
    await presence.renew([bob!], now + LEASE_MS);
    const later = now + 2 * LEASE_MS;
    const told = await Promise.all([presence.takeLost(100, later), presence.takeLost(100, later)]);
    const lost = told.flat().filter((userId) => [ada, bob].some((one) => one!.userId === userId));
    expect(lost.sort()).toEqual([ada!.userId, bob!.userId].sort()); // each once, whoever asks
    expect(await presence.count(now)).toBe(0);
  });
});
