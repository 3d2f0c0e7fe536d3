import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { until } from '../../../../test/support/until';
import { WebSocket, WebSocketServer } from 'ws';
import { Upstream } from './upstream';

const FRAME = 'x'.repeat(1_000_000);
const COUNT = 64;

it('what a monolith does not read waits with the client, not here', async () => {
  const monolith = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(monolith, 'listening');
  const accepted = once(monolith, 'connection') as Promise<[WebSocket]>;
  const near = new WebSocket(`ws://127.0.0.1:${(monolith.address() as AddressInfo).port}`);
  await once(near, 'open');
  const [far] = await accepted;
  far.pause();
  let read = 0;
  far.on('message', () => read++);
  const upstream = new Upstream({ dial: async () => near, hear: async () => undefined, lost: () => undefined, closed: () => true });
  upstream.want(near);
  let most = 0;
  const sending = (async () => {
    for (let i = 0; i < COUNT; i++) {
      const isSent = upstream.send(FRAME);
      most = Math.max(most, near.bufferedAmount);
      expect(await isSent).toBe(true);
    }
  })();
  await until(async () => near.bufferedAmount > 0);
  far.resume();
  await sending;
  await until(async () => read === COUNT);
  expect(most).toBeLessThan(2 * FRAME.length);
  upstream.end();
  near.terminate();
  monolith.close();
});
