import { Random } from '../faults/random';
import { startTestServer, type TestServer } from '../support/banyan';
import { register } from '../support/people';
import { SocketClient } from '../support/socket-client';
import { until } from '../support/until';

const TYPES = [
  'message',
  'typing',
  'delivery_confirmation',
  'read_confirmation',
  'contact_added',
  'group_message',
  'constructor',
  '__proto__',
  '',
];
const KEYS = [
  'recipient_id',
  'message_id',
  'sender_id',
  'encrypted_content',
  'encrypted_session_key',
  'inviter_id',
  'contact_id',
  'is_typing',
  'media_ids',
];

describe('hostile frames', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server?.close());

  it('10,000 of them close nothing but what breaks the protocol, and confirm nothing', async () => {
    const random = new Random(6);

    const [ada, bob] = [await register(server.url), await register(server.url)];
    const [a, b] = [await SocketClient.open(server.url, ada), await SocketClient.open(server.url, bob)];
    const values = [
      null,
      true,
      -1,
      1e308,
      '',
      '\u0000',
      '\ud800',
      bob.id.toUpperCase(),
      'x'.repeat(2_000),
      [],
      [[[]]],
      {},
      { $gt: '' },
      "';--",
      ada.id,
    ];
    const texts = ['', '{', '[]', 'null', '"x"', '{"type":1,"payload":{}}', '{"type":"typing","payload":null}', `${'['.repeat(5_000)}`];
    for (let i = 0; i < 10_000; i++) {
      const payload = Object.fromEntries(KEYS.filter(() => random.chance(0.5)).map((key) => [key, random.of(values)]));
      a.socket.send(random.chance(0.1) ? random.of(texts) : JSON.stringify({ type: random.of(TYPES), payload }));
    }
    await a.settled(ada.id);
    expect(a.closedWith).toBeUndefined();
    expect(b.closedWith).toBeUndefined();
    expect(a.of('message_sent').length).toBe(new Set(a.of('message_sent').map(({ message_id }) => message_id)).size);
    a.socket.send(Buffer.from([1, 2, 3]));
    await until(async () => a.closedWith === 1003);
    b.socket.send('x'.repeat(2_000_000));
    await until(async () => b.closedWith === 1009);
  }, 120_000);
});
