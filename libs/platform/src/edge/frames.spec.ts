import { Duplex } from 'node:stream';
import fc from 'fast-check';
import { closeFrame, FrameCursor } from './frames';
import { Passage } from './passage';

/** A frame as servers send it (RFC 6455, section 5.2). */
function frame({ first, payload }: { first: number; payload: Buffer }): Buffer {
  const { length } = payload;
  const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  head[0] = first;
  if (length < 126) head[1] = length;
  else if (length < 65_536) {
    head[1] = 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
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

it('a client is told to come again between two messages, and never within one', () => {
  fc.assert(
    fc.property(messages, fc.nat(), (list, place) => {
      const bytes = Buffer.concat(list);
      const cut = place % (bytes.length + 1);
      const written: Buffer[] = [];
      const client = new Duplex({ read: () => undefined, write: (piece: Buffer, _encoding, done) => (written.push(piece), done()) });
      const worker = new Duplex({ read: () => undefined, write: (_piece, _encoding, done) => done() });
      const passage = new Passage(client, worker, () => undefined);
      passage.start({ client: Buffer.alloc(0), worker: bytes.subarray(0, cut) });
      passage.end();
      let sum = 0;
      const isBetween = cut === 0 || list.some((message) => (sum += message.length) === cut);
      const goodbye = isBetween ? [closeFrame(1012)] : [];
      expect(Buffer.concat(written)).toEqual(Buffer.concat([bytes.subarray(0, cut), ...goodbye]));
      client.destroy();
    }),
    { numRuns: 100 },
  );
});

it('nothing follows the closing frame', () => {
  const cursor = new FrameCursor();
  cursor.follow(Buffer.from([0x88, 0x02, 0x03, 0xe8]));
  expect(cursor).toMatchObject({ isBetweenMessages: false, isClosing: true });
});
