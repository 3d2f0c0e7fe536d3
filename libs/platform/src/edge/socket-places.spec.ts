import { SocketPlaces } from './socket-places';

const places = () => new SocketPlaces({ all: 4, address: 3, user: 2 });
const full = expect.objectContaining({ code: 'sockets.too_many', status: 429 }) as Error;

it('are bounded for all, for an address and for a user, and can be taken again when they are free', () => {
  const kept = places();
  const mine = [kept.take('a', 'u'), kept.take('a', 'u')];
  for (const place of mine) place.confirm('u');
  expect(() => kept.take('b', 'u')).toThrow(full);
  kept.take('a', 'v');
  expect(() => kept.take('a', 'w')).toThrow(full);
  kept.take('b', 'v');
  expect(() => kept.take('c', 'x')).toThrow(full);
  mine[0]!.release();
  mine[0]!.release();
  kept.take('c', 'u');
  expect(() => kept.take('d', 'x')).toThrow(full);
});

it('who has gone before he is known keeps none', () => {
  const kept = places();
  for (let i = 0; i < 3; i++) {
    const place = kept.take('a', 'u');
    place.release();
    place.confirm('u');
  }
  expect(() => kept.take('a', 'u')).not.toThrow();
});

it('nobody takes those of another user by asking in his name', () => {
  const kept = places();
  kept.take('a', 'u');
  kept.take('a', 'u');
  expect(() => kept.take('b', 'u').confirm('u')).not.toThrow();
});
