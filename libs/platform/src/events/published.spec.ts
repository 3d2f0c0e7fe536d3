import { z } from 'zod';
import { createTestDatabase, type TestDatabase } from '../../../../test/support/database';
import { event } from '../contract/event';
import { Lease } from './lease';
import { Outbox } from './outbox';
import { Published } from './published';

const happened = event('thing.happened', z.object({ n: z.number() }));

let home: TestDatabase;
let outbox: Outbox;
let lease: Lease;

beforeAll(async () => {
  home = await createTestDatabase();
  outbox = new Outbox(home.database);
  lease = new Lease(home.database, 'outbox', 600_000);
  await lease.take();
});
afterEach(() => home.admin('TRUNCATE outbox, published'));
afterAll(() => home.drop());

const announce = (count: number) =>
  home.database.transaction((tx) =>
    outbox.addAll(
      tx,
      Array.from({ length: count }, (_, n) => outbox.draft(happened, { n }, { key: 'k' })),
    ),
  );
const takeAll = async (published: Published, by = lease) => {
  const rows = await outbox.after(0, 100_000);
  return published.take(
    rows.map(({ id }) => id),
    rows.map(({ position }) => position),
    by,
  );
};

it('gives events back as they were, in their order, and twice is once', async () => {
  const published = new Published(home.database);
  await announce(12_000); // more than one statement moves
  const before = await outbox.after(0, 100_000);
  expect(await takeAll(published)).toBe(true);
  expect(await outbox.pending()).toBe(0);
  const counts = await Promise.all([published.restore(), published.restore()]);
  expect(counts[0] + counts[1] + (await published.restore())).toBe(12_000);
  expect(await outbox.after(0, 100_000)).toEqual(before);
  expect(await takeAll(published)).toBe(true); // and again
  expect(await published.restore()).toBe(12_000);
});

it('takes nothing from a holder whose epoch is over', async () => {
  await announce(1);
  const past = { job: 'outbox', epoch: lease.epoch - 1 } as Lease;
  expect(await takeAll(new Published(home.database), past)).toBe(false);
  expect(await outbox.pending()).toBe(1);
  expect(await new Published(home.database).restore()).toBe(0);
});

it('forgets what is old enough, and only that', async () => {
  await announce(6_000);
  await takeAll(new Published(home.database));
  await home.admin(
    `UPDATE published SET published_at = now() - interval '16 minutes' WHERE position IN (SELECT position FROM published ORDER BY position LIMIT 5500)`,
  );
  expect(await new Published(home.database).sweep()).toBe(5_500);
  expect(await new Published(home.database).restore()).toBe(500);
});
