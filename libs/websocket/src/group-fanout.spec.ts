import { randomUUID } from 'node:crypto';
import { groupContract, type PostedMessage } from '@banyan/group/contract';
import { asSystem } from '@banyan/platform/dispatch/context';
import { InProcessKeyValue } from '@banyan/platform/keyvalue/in-process.keyvalue';
import { KeyValueUnavailable } from '@banyan/platform/keyvalue/keyvalue';
import { type DataHome, ownHome } from '../../../test/support/data-homes';
import { FragileKeyValue } from '../../../test/support/fragile.keyvalue';
import { type House, startHouse } from '../../../test/support/house';
import { until } from '../../../test/support/until';
import type { Frame } from './contract';
import { GroupFanout } from './group-fanout';
import { WebsocketService } from './websocket.service';

describe('a message of a group', () => {
  const store = new FragileKeyValue(new InProcessKeyValue());
  let home: DataHome;
  let [here, there]: House[] = [];
  let [alice, bob]: string[] = [];
  let shown: { here: string[]; there: string[] };
  let group_id: string;
  beforeAll(async () => {
    home = await ownHome.open('user', 'group');
    const start = () => startHouse({ domains: ['user', 'group', 'websocket'], home, keyvalue: store });
    [here, there] = [await start(), await start()];
  });
  beforeEach(async () => {
    [alice, bob] = await Promise.all([home.addUser(), home.addUser()]);
    const groups = here!.as(alice!, groupContract);
    ({ group_id } = await groups.create({ name: 'Team' }));
    await groups.addMember({ group_id, user_id: bob! });
    await here!.deliverEvents();
    shown = { here: await listen(here!, alice!), there: await listen(there!, bob!) };
  });
  afterEach(() => store.failNext(0));
  afterAll(async () => {
    await Promise.all([here?.close(), there?.close()]);
    await home?.close();
  });

  /** @returns ids of the messages that he sees there */
  async function listen(house: House, userId: string): Promise<string[]> {
    const ids: string[] = [];
    const sockets = house.get(WebsocketService);
    await sockets.open({
      connectionId: sockets.newConnectionId(),
      userId,
      send: ({ type, id }: Frame) => type.includes('group_message') && ids.push(id) > 0,
      end: () => undefined,
    });
    return ids;
  }
  const post = (): Promise<PostedMessage> =>
    here!.as('system', groupContract).post({
      group_id,
      sender_id: alice!,
      encrypted_content: 'content',
      encrypted_session_keys: {},
      message_id: randomUUID(),
    });
  /** Other processes hear of it by and by. */
  const isThere = (id: string) => until(async () => shown.there.includes(id));
  const show = (message: PostedMessage) => asSystem('spec', { key: randomUUID() }, () => here!.get(GroupFanout).show(message));

  it('that was shown is not looked for again', async () => {
    const message = await post();
    await show(message);
    await isThere(message.message_id);
    expect(shown).toEqual({ here: [message.message_id], there: [message.message_id] });
    expect(here!.get(GroupFanout).hasShown(message.message_id)).toBe(true);
    expect(there!.get(GroupFanout).hasShown(message.message_id)).toBe(false); // it knows from the store
    await here!.deliverEvents();
    expect(shown).toEqual({ here: [message.message_id], there: [message.message_id] });
  });

  it('that nobody has shown is shown by its event', async () => {
    const message = await post();
    await there!.deliverEvents();
    await until(async () => shown.here.length > 0);
    expect(shown).toEqual({ here: [message.message_id], there: [message.message_id] });
  });

  it('that could not be shown in other processes is shown there by its event', async () => {
    const message = await post();
    store.failNext(1_000);
    await expect(show(message)).rejects.toBeInstanceOf(KeyValueUnavailable);
    expect(shown).toEqual({ here: [message.message_id], there: [] });
    await expect(here!.deliverEvents()).rejects.toBeInstanceOf(KeyValueUnavailable); // and so comes again
    store.failNext(0);
    await here!.deliverEvents();
    await isThere(message.message_id);
    expect(shown.there).toEqual([message.message_id]);
  });
});
