import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { FrameCursor, textFrame } from './frames';
import { Passage } from './passage';

/** A frame as servers send it. */
function frame({ first, payload }: { first: number; payload: Buffer }): Buffer {
  const bytes = textFrame(payload.toString('latin1').replace(/[\x80-\xff]/g, '?'));
  bytes[0] = first;
  return bytes;
}

const payload = fc
  .oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom(125, 126, 127, 65_535, 65_536).map((n) => new Uint8Array(n)),
  )
  .map(Buffer.from);
const whole = payload.map((bytes) => [frame({ first: 0x81, payload: bytes })]);
const ping = fc.uint8Array({ maxLength: 10 }).map((bytes) => [frame({ first: 0x89, payload: Buffer.from(bytes) })]);
/** In several frames, perhaps with a ping between them. */
const fragmented = fc
  .tuple(payload, payload, ping)
  .map(([a, b, [between]]) => [
    Buffer.concat([frame({ first: 0x02, payload: a }), between!, frame({ first: 0x00, payload: b }), frame({ first: 0x80, payload: a })]),
  ]);
const messages = fc.array(fc.oneof(whole, ping, fragmented), { maxLength: 6 }).map((list) => list.flat());

/** The same bytes in pieces of these sizes. */
function inPieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = sizes.length > 0 ? sizes[i % sizes.length]! : bytes.length;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

const sizes = fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 5 });

it('the end of each message is seen, however the bytes come, and no other place', () => {
  fc.assert(
    fc.property(messages, sizes, (list, pieceSizes) => {
      const ends: number[] = [];
      const cursor = new FrameCursor();
      let passed = 0;
      for (const piece of inPieces(Buffer.concat(list), pieceSizes)) {
        for (let at = 0; at < piece.length;) {
          at = cursor.follow(piece, at);
          if (cursor.isBetweenMessages) ends.push(passed + at);
        }
        passed += piece.length;
      }
      let sum = 0;
      expect(ends).toEqual(list.map((message) => (sum += message.length)));
    }),
    { numRuns: 50 },
  );
});

it('what is put in stands between messages, whole, in order, and nothing else is changed', async () => {
  await fc.assert(
    fc.asyncProperty(messages, sizes, fc.array(fc.nat(30), { maxLength: 4 }), async (list, pieceSizes, moments) => {
      const written: Buffer[] = [];
      const client = new Duplex({ read: () => undefined, write: (bytes: Buffer, _encoding, done) => (written.push(bytes), done()) });
      const legacy = new Duplex({ read: () => undefined, write: (_bytes, _encoding, done) => done() });
      const passage = new Passage(client, legacy, () => undefined);
      passage.start({ client: Buffer.alloc(0), legacy: Buffer.alloc(0) });
      const own: Buffer[] = [];
      const pieces = inPieces(Buffer.concat(list), pieceSizes);
      for (let i = 0; i <= pieces.length; i++) {
        for (const moment of moments) {
          if (moment % (pieces.length + 1) !== i) continue;
          const text = `{"own":${own.length}}`;
          own.push(textFrame(text));
          expect(passage.send(text)).toBe(true);
        }
        if (pieces[i]) legacy.emit('data', pieces[i]);
      }
      // Read back message by message: what remains without ours is what was sent.
      const all = Buffer.concat(written);
      const cursor = new FrameCursor();
      const seen: Buffer[] = [];
      for (let at = 0; at < all.length;) {
        const next = cursor.follow(all, at);
        seen.push(all.subarray(at, next));
        at = next;
      }
      const isOwn = (message: Buffer) => own.some((other) => other.equals(message));
      expect(seen.filter(isOwn)).toEqual(own);
      expect(seen.filter((message) => !isOwn(message))).toEqual(list);
      legacy.destroy();
      client.destroy();
    }),
    { numRuns: 30 },
  );
});

it('nothing follows the closing frame', () => {
  const cursor = new FrameCursor();
  cursor.follow(Buffer.from([0x88, 0x02, 0x03, 0xe8]));
  expect(cursor).toMatchObject({ isBetweenMessages: false, isClosing: true });
});
