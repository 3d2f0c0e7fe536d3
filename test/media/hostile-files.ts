import { crc32, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import sharp from 'sharp';
import { fileOf, PNG } from './files';

/** A file that somebody sends who means harm, or does not know what he sends. */
export interface HostileFile {
  readonly what: string;
  readonly name: string;
  readonly bytes: Buffer;
  readonly type?: string;
  /** `refused`: it is not taken. `saved`: taken, and only ever for saving. `shown`: taken, and shown as the bitmap or video that it is. */
  readonly fate: 'refused' | 'saved' | 'shown';
}

const SCRIPT = '<script>fetch("/api/v1/auth/me",{credentials:"include"})</script>';
const HTML = Buffer.from(`<!DOCTYPE html><html><body>${SCRIPT}</body></html>`);
const SVG = Buffer.from(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">${SCRIPT}</svg>`);
const EXE = Buffer.concat([
  Buffer.from('MZ\x90\0\x03\0\0\0', 'latin1'),
  Buffer.alloc(56),
  Buffer.from('PE\0\0', 'latin1'),
  Buffer.alloc(500),
]);
const ELF = Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0]), Buffer.alloc(500)]);
const CLASS = Buffer.concat([Buffer.from('cafebabe00000034', 'hex'), Buffer.alloc(200)]);
const WASM = Buffer.concat([Buffer.from('0061736d01000000', 'hex'), Buffer.alloc(100)]);
const GIF = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const out = Buffer.alloc(named.length + 8);
  out.writeUInt32BE(data.length, 0);
  named.copy(out, 4);
  out.writeUInt32BE(crc32Of(named), named.length + 4);
  return out;
}

/** `node:zlib` has it from 20.15 on. */
const crc32Of = (bytes: Buffer): number => crc32(bytes) >>> 0;

function png(width: number, height: number, data = Buffer.alloc(0), more: Buffer[] = []): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([1, 0, 0, 0, 0], 8); // one bit of grey a pixel
  const signature = PNG.subarray(0, 8);
  return Buffer.concat([signature, chunk('IHDR', header), ...more, chunk('IDAT', deflateSync(data)), chunk('IEND', Buffer.alloc(0))]);
}

function gif(width: number, height: number): Buffer {
  const bytes = Buffer.from(GIF);
  bytes.writeUInt16LE(width, 6);
  bytes.writeUInt16LE(height, 8);
  return bytes;
}

function bmp(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(200);
  bytes.write('BM');
  bytes.writeUInt32LE(200, 2);
  bytes.writeUInt32LE(54, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(8, 28);
  bytes.writeUInt32LE(1, 30); // run lengths: a few bytes are many pixels
  return bytes;
}

function webp(width: number, height: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.write('RIFF');
  bytes.writeUInt32LE(56, 4);
  bytes.write('WEBPVP8X', 8);
  bytes.writeUInt32LE(10, 16);
  bytes.writeUIntLE(width - 1, 24, 3);
  bytes.writeUIntLE(height - 1, 27, 3);
  return bytes;
}

/** With so many bytes of a camera's words before the size is said. */
function jpeg(width: number, height: number, before: number): Buffer {
  const segments: Buffer[] = [Buffer.from([0xff, 0xd8])];
  for (let left = before; left > 0; left -= 60_000) {
    const size = Math.min(60_000, left);
    segments.push(Buffer.from([0xff, 0xe5, size >> 8, size & 255]), Buffer.alloc(size - 2, 0x41));
  }
  const frame = Buffer.from([0xff, 0xc0, 0, 11, 8, 0, 0, 0, 0, 1, 1, 0x11, 0]);
  frame.writeUInt16BE(height, 5);
  frame.writeUInt16BE(width, 7);
  return Buffer.concat([
    ...segments,
    frame,
    Buffer.from([0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]),
    Buffer.alloc(300),
    Buffer.from([0xff, 0xd9]),
  ]);
}

/** One file of an archive, whose header claims what it likes. */
function zip(name: string, content: Buffer, claimed = content.length): Buffer {
  const packed = deflateRawSync(content);
  const local = Buffer.alloc(30);
  local.writeUInt32LE(0x04034b50, 0);
  local.writeUInt16LE(20, 4);
  local.writeUInt16LE(8, 8);
  local.writeUInt32LE(crc32Of(content), 14);
  local.writeUInt32LE(packed.length, 18);
  local.writeUInt32LE(claimed, 22);
  local.writeUInt16LE(name.length, 26);
  const central = Buffer.alloc(46);
  central.writeUInt32LE(0x02014b50, 0);
  local.copy(central, 6, 4, 30);
  const at = 30 + name.length + packed.length;
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(1, 8);
  end.writeUInt16LE(1, 10);
  end.writeUInt32LE(46 + name.length, 12);
  end.writeUInt32LE(at, 16);
  return Buffer.concat([local, Buffer.from(name), packed, central, Buffer.from(name), end]);
}

const pdf = (body: string) => Buffer.from(`%PDF-1.7\n1 0 obj\n${body}\nendobj\ntrailer<</Root 1 0 R>>\n%%EOF`);
const refused = (what: string, name: string, bytes: Buffer, type?: string): HostileFile => ({ what, name, bytes, type, fate: 'refused' });
const saved = (what: string, name: string, bytes: Buffer, type?: string): HostileFile => ({ what, name, bytes, type, fate: 'saved' });
const shown = (what: string, name: string, bytes: Buffer, type?: string): HostileFile => ({ what, name, bytes, type, fate: 'shown' });

export async function hostileFiles(): Promise<HostileFile[]> {
  const photo = await sharp({ create: { width: 640, height: 480, channels: 3, background: 'blue' } })
    .withExif({ IFD0: { Make: 'Secret Camera' }, IFD3: { GPSLatitude: '48/1 51/1 0/1', GPSLongitude: '2/1 21/1 0/1' } })
    .jpeg()
    .toBuffer();
  return [
    refused('a page', 'page.html', HTML, 'text/html'),
    refused('a page that says it is an image', 'page.html', HTML, 'image/png'),
    refused('a page by the name of an image', 'page.png', HTML, 'image/png'),
    refused('a page by the name of a photo', 'page.jpg', HTML, 'image/jpeg'),
    refused('a page by the name of a document', 'page.pdf', HTML, 'application/pdf'),
    refused('a page by the name of a video', 'page.mp4', HTML, 'video/mp4'),
    refused('a page by the name of an archive', 'page.zip', HTML, 'application/zip'),
    saved('a page by the name of a text', 'page.txt', HTML, 'text/html'),
    saved('a page with a mark of its order before it, by the name of a text', 'page.txt', Buffer.concat([Buffer.from('\ufeff'), HTML])),
    refused('a page of two bytes a sign, by the name of a text', 'page.txt', Buffer.from(`\ufeff${HTML.toString()}`, 'utf16le')),
    refused('a drawing with a script', 'drawing.svg', SVG, 'image/svg+xml'),
    refused('a drawing by the name of a bitmap', 'drawing.png', SVG, 'image/svg+xml'),
    refused('a packed drawing', 'drawing.svgz', gzipSync(SVG), 'image/svg+xml'),
    saved('a drawing by the name of a text', 'drawing.txt', SVG, 'image/svg+xml'),
    refused('a page of another kind', 'page.xhtml', HTML, 'application/xhtml+xml'),
    refused('a script', 'x.js', Buffer.from('alert(1)'), 'text/javascript'),
    refused('a program', 'run.exe', EXE),
    refused('a program by the name of an image', 'run.png', EXE, 'image/png'),
    refused('a program by the name of a document', 'run.doc', EXE, 'application/msword'),
    refused('a program by the name of a text', 'run.txt', EXE, 'text/plain'),
    refused('a program of another system by the name of a video', 'run.mp4', ELF, 'video/mp4'),
    refused('code of Java by the name of an image', 'code.gif', CLASS, 'image/gif'),
    refused('code for a browser by the name of a bitmap', 'code.bmp', WASM, 'image/bmp'),
    refused('a shell script', 'install.sh', Buffer.from('#!/bin/sh\nrm -rf ~\n')),
    refused('a program behind an image’s ending', 'photo.png.exe', PNG),
    refused('a program behind a document’s ending', 'paper.pdf.scr', fileOf('pdf', 100)),
    shown('an image behind a page’s ending', 'page.html.png', PNG, 'text/html'),
    refused('an ending with a blank behind it', 'page.html ', HTML),
    refused('an ending with a dot behind it', 'photo.png.', PNG),
    refused('no ending', 'photo', PNG, 'image/png'),
    refused('nothing but an ending', '.png', PNG, 'image/png'),
    refused('an ending behind a NUL', 'page.html\0.png', PNG),
    refused('an ending before a NUL', 'photo.png\0.html', HTML),
    shown('a name that reads the other way round', 'photo\u202egpj.exe.png', PNG),
    refused('a program whose name reads the other way round', 'photo\u202egnp.exe', EXE),
    shown('a name with a way out', '../../../../etc/cron.d/photo.png', PNG),
    shown('a name with a way out on another system', '..\\..\\windows\\photo.png', PNG),
    shown('a name with an escape for a terminal', 'photo\x1b]0;owned\x07.png', PNG),
    refused('a name as long as a book', `${'x'.repeat(300)}.png`, PNG),
    shown('a name full of tricks for a header', 'a"; filename="evil.html"; x="é%0d%0a.png', PNG),
    shown('an image that is an archive too', 'gifar.gif', Buffer.concat([GIF, zip('Evil.class', CLASS)]), 'image/gif'),
    shown('an image with a page behind it', 'photo.png', Buffer.concat([PNG, HTML]), 'image/png'),
    shown(
      'an image with a page in its words',
      'photo.png',
      png(1, 1, Buffer.alloc(2), [chunk('tEXt', Buffer.concat([Buffer.from('x\0'), HTML]))]),
    ),
    shown(
      'an image with a script in its comment',
      'photo.gif',
      Buffer.concat([
        GIF.subarray(0, 19),
        Buffer.from(`!\xfe${String.fromCharCode(SCRIPT.length)}${SCRIPT}\0`, 'latin1'),
        GIF.subarray(19),
      ]),
    ),
    saved('a document that is an archive too', 'paper.pdf', Buffer.concat([pdf('<<>>'), zip('Evil.class', CLASS)])),
    saved('a document that runs a script', 'paper.pdf', pdf('<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>')),
    saved('a document that starts a program', 'paper.pdf', pdf('<</OpenAction<</S/Launch/F(cmd.exe)>>>>')),
    saved('an archive with a way out', 'archive.zip', zip('../../../../etc/passwd', Buffer.from('root::0:0'))),
    saved('an archive that would fill a disk', 'archive.zip', zip('zeros', Buffer.alloc(20_000_000))),
    saved('an archive that lies about its size', 'archive.zip', zip('zeros', Buffer.alloc(100), 4_294_967_295)),
    saved('an archive by the name of a letter', 'letter.docx', zip('word/vbaProject.bin', EXE)),
    refused(
      'a web archive by the name of a letter',
      'letter.doc',
      Buffer.from('MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<script>'),
    ),
    refused('an image of a billion pixels', 'bomb.png', png(50_000, 50_000)),
    refused('an image of more pixels than there are', 'bomb.png', png(2 ** 31 - 1, 2 ** 31 - 1)),
    refused('an image of a billion pixels in a few bytes', 'bomb.gif', gif(65_535, 65_535)),
    refused('a bitmap of a billion pixels in a few bytes', 'bomb.bmp', bmp(60_000, 60_000)),
    refused('a bitmap that stands on its head', 'bomb.bmp', bmp(60_000, -60_000)),
    refused('a photo of a billion pixels', 'bomb.jpg', jpeg(60_000, 60_000, 100)),
    refused('a photo of a billion pixels behind a lot of words', 'bomb.jpg', jpeg(60_000, 60_000, 700_000)),
    refused('a web image of a billion pixels', 'bomb.webp', webp(16_000, 16_000)),
    shown('an image that packs a lot of nothing', 'nothing.png', png(7_000, 7_000, Buffer.alloc(7_000 * 876))),
    shown('an image that ends in its middle', 'photo.png', png(100, 100, Buffer.alloc(1_400)).subarray(0, 60)),
    shown('nothing by the name of an image', 'empty.png', Buffer.alloc(0)),
    saved('nothing by the name of a text', 'empty.txt', Buffer.alloc(0)),
    shown('a photo that says where it was taken', 'photo.jpg', photo, 'image/jpeg'),
    refused('a list of a radio station by the name of a video', 'list.mkv', Buffer.from('#EXTM3U\nfile:///etc/passwd\n')),
    refused('a message to a printer by the name of an image', 'x.png', Buffer.from('%!PS-Adobe-3.0\n(/etc/passwd) (r) file'), 'image/png'),
    refused(
      'a drawing language by the name of an image',
      'x.gif',
      Buffer.from('push graphic-context\nfill "url(https://x/|ls)"\n'),
      'image/gif',
    ),
    refused('a type as long as a book', 'photo.png', PNG, `image/${'x'.repeat(300)}`),
  ];
}
