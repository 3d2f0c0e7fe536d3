import { PassThrough } from 'node:stream';
import sharp from 'sharp';
import { pixelsOf, pixelsOfAll, thumbnailOf } from './thumbnails';

const image = (width: number, height: number) => sharp({ create: { width, height, channels: 3, background: 'red' } });

it('an upload is looked at while thumbnails take all the time they may; a file is opened when it is its turn', async () => {
  const jpeg = await image(30, 20).jpeg().toBuffer();
  const slow = Array.from({ length: 5 }, () => new PassThrough());
  let opened = 0;
  const waiting = slow.map((stream) =>
    thumbnailOf(() => {
      opened++;
      return Promise.resolve(stream);
    }),
  );
  expect(await pixelsOf(jpeg)).toBe(600);
  expect(await pixelsOfAll(() => Promise.resolve(new PassThrough().end(jpeg)))).toBe(600);
  expect(opened).toBeLessThanOrEqual(2);
  const large = await image(640, 320).png().toBuffer();
  for (const stream of slow) stream.end(large);
  for (const thumbnail of await Promise.all(waiting)) expect(await sharp(thumbnail).metadata()).toMatchObject({ width: 320, height: 160 });
});

it('what cannot be opened is no broken image: whoever asks hears of it', async () => {
  await expect(thumbnailOf(() => Promise.reject(new Error('the store is away')))).rejects.toThrow('the store is away');
  expect(await thumbnailOf(() => Promise.resolve(new PassThrough().end('no image')))).toBeUndefined();
});
