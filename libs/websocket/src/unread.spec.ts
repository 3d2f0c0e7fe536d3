import { type Reader, Unread } from './unread';

class SlowReader implements Reader {
  unreadBytes = 0;
  isClosed = false;
  terminate(): void {
    this.isClosed = true;
  }
}

const readers = (count: number) => Array.from({ length: count }, () => new SlowReader());
const leave = (unread: Unread, reader: SlowReader, bytes: number) => {
  reader.unreadBytes = bytes;
  unread.note(reader);
};

it('closes those who leave most, until there is room again', () => {
  const unread = new Unread(1_000);
  const all = readers(10);
  for (const [n, reader] of all.entries()) leave(unread, reader, n === 3 ? 190 : 90);
  expect(all.some(({ isClosed }) => isClosed)).toBe(false);
  leave(unread, all[0]!, 91);
  expect(all.filter(({ isClosed }) => isClosed)).toHaveLength(2); // 720 are left
  expect([all[3]!.isClosed, all[0]!.isClosed]).toEqual([true, true]);
});

it('closes nobody for what has been read meanwhile, nor for what has gone', () => {
  const unread = new Unread(1_000);
  const [quick, gone, slow] = readers(3) as [SlowReader, SlowReader, SlowReader];
  for (let i = 0; i < 5; i++) {
    leave(unread, quick, 900);
    quick.unreadBytes = 0; // nobody tells that
    leave(unread, slow, 200);
    leave(unread, gone, 500);
    unread.forget(gone);
    leave(unread, slow, 0);
  }
  expect([quick.isClosed, gone.isClosed, slow.isClosed]).toEqual([false, false, false]);
  leave(unread, slow, 1_001);
  expect(slow.isClosed).toBe(true);
});
