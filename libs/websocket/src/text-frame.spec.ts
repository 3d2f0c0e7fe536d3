import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { textFrame } from './text-frame';

describe('a frame that is made once', () => {
  const texts = [0, 1, 125, 126, 65_535, 65_536, 1_000_000].map((length) => 'x'.repeat(length));
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false });
  beforeAll(() => once(server, 'listening'));
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  it('is read by a client as the text, of every length, between frames of the package', async () => {
    server.once('connection', (socket, { socket: wire }) => {
      for (const text of [...texts, 'ünï¢öde 🎉', '{"a":"\\u0000"}']) {
        socket.ping();
        wire.write(textFrame(text));
        socket.send('between');
      }
      socket.close(1000);
    });
    const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`);
    const heard: string[] = [];
    client.on('message', (data: Buffer, isBinary) => heard.push(isBinary ? 'binary' : data.toString('utf8')));
    const [code] = await once(client, 'close');
    expect(code).toBe(1000);
    expect(heard).toEqual([...texts, 'ünï¢öde 🎉', '{"a":"\\u0000"}'].flatMap((text) => [text, 'between']));
  });
});
