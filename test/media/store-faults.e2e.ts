import { ListMultipartUploadsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { dropDatabases, freshBucket, freshEnvironment } from '../support/banyan';
import { type Person, register } from '../support/people';
import { ServerProcess } from '../support/server-process';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { until } from '../support/until';
import { hashOf, sendFile } from './senders';

describe('an object store with faults', () => {
  let server: ServerProcess;
  let proxy: TcpProxy;
  let environment: Record<string, string>;
  let bucket: Record<string, string>;
  let client: S3Client;
  let alice: Person;
  beforeAll(async () => {
    bucket = freshBucket();
    proxy = await startTcpProxy(bucket['S3_ENDPOINT']!);
    client = new S3Client({
      endpoint: bucket['S3_ENDPOINT']!,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: bucket['S3_ACCESS_KEY']!, secretAccessKey: bucket['S3_SECRET_KEY']! },
    });
    environment = { ...freshEnvironment(), ...bucket, LOG_LEVEL: 'warn', S3_ENDPOINT: `http://127.0.0.1:${proxy.port}` };
    server = await ServerProcess.start(environment);
    alice = await register(server.url, 'alice');
    expect((await sendFile(server.url, alice, 1_000)).status).toBe(200);
  });
  afterAll(async () => {
    await server?.remove();
    client?.destroy();
    await proxy?.close();
    await dropDatabases(environment);
  });

  const stored = async () => {
    const Bucket = bucket['S3_BUCKET']!;
    const { KeyCount } = await client.send(new ListObjectsV2Command({ Bucket }));
    const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    return [KeyCount, Uploads.length];
  };

  it('that is stopped while a file comes: 503, nothing half stored, and back as soon as it is', async () => {
    const before = await stored();
    const { body: kept } = await sendFile(server.url, alice, 1_000);
    const broken = await sendFile(server.url, alice, 20_000_000, { halfway: () => proxy.stop() });
    expect([broken.status, Number(broken.retryAfter) > 0]).toEqual([503, true]);
    const meanwhile = await fetch(`${server.url}${String(kept['file_url'])}`);
    expect([meanwhile.status, Number(meanwhile.headers.get('retry-after')) > 0]).toEqual([503, true]);
    expect(meanwhile.headers.get('cache-control') ?? '').not.toMatch(/max-age/); // the file is kept for a year, that it did not come is not
    expect((await sendFile(server.url, alice, 1_000)).status).toBe(503);
    expect((await alice.get('/auth/me')).status).toBe(200); // what needs no files goes on
    await proxy.start();
    const again = await sendFile(server.url, alice, 20_000_000);
    expect(again.status).toBe(200);
    expect(await hashOf(server.url, again.body['file_url'])).toEqual({ status: 200, sha256: again.sha256 });
    // The parts of the broken one could not be taken back while the store was away: its life cycle does that.
    expect((await stored())[0]).toBe((before[0] as number) + 2);
  });

  it('that is frozen while a file comes, or goes: it is not waited for for ever', async () => {
    const { body: large, sha256 } = await sendFile(server.url, alice, 30_000_000);
    const before = (await stored())[0];
    const [broken, cut] = await Promise.all([
      sendFile(server.url, alice, 20_000_000, { halfway: () => proxy.freeze() }),
      hashOf(server.url, large['file_url']).catch(() => 'cut'),
    ]);
    expect([broken.status, Number(broken.retryAfter) > 0]).toEqual([503, true]);
    // It may have been through before the store froze, or not have begun.
    expect(['cut', { status: 503, sha256: expect.any(String) as string }, { status: 200, sha256 }]).toContainEqual(cut);
    proxy.thaw();
    await until(async () => (await sendFile(server.url, alice, 1_000)).status === 200);
    expect(await hashOf(server.url, large['file_url'])).toEqual({ status: 200, sha256 });
    expect((await stored())[0]).toBeGreaterThan(before as number);
  }, 120_000);

  it('that is slow: nobody loses anything', async () => {
    let isFrozen = false;
    const stutter = setInterval(() => ((isFrozen = !isFrozen) ? proxy.freeze() : proxy.thaw()), 150);
    const sent = await Promise.all(Array.from({ length: 10 }, (_, n) => sendFile(server.url, alice, 1_000 + n * 700_000)));
    clearInterval(stutter);
    proxy.thaw();
    expect(sent.filter(({ status }) => status !== 200)).toEqual([]);
    for (const { body, sha256 } of sent) expect(await hashOf(server.url, body['file_url'])).toEqual({ status: 200, sha256 });
  }, 60_000);

  it('that is away when the host starts: the host serves what needs no files, and files when it is back', async () => {
    await server.terminate();
    await proxy.stop();
    await server.startAgain();
    await alice.get('/auth/me').expect(200);
    expect((await sendFile(server.url, alice, 1_000)).status).toBe(503);
    await proxy.start();
    await until(async () => (await sendFile(server.url, alice, 1_000)).status === 200);
  }, 60_000);

  it('a host that is killed while files come has kept none of those, and all that it had acknowledged', async () => {
    const whole = await sendFile(server.url, alice, 7_000_000);
    const before = (await stored())[0];
    let going = 0;
    const halfway = async () => {
      if (++going === 4) await server.kill();
      await new Promise(() => undefined); // none of them is sent to its end
    };
    await Promise.race([
      until(async () => !server.isRunning),
      ...Array.from({ length: 4 }, () => sendFile(server.url, alice, 20_000_000, { halfway })),
    ]);
    await until(async () => !server.isRunning);
    await server.startAgain();
    expect((await stored())[0]).toBe(before);
    expect(await hashOf(server.url, whole.body['file_url'])).toEqual({ status: 200, sha256: whole.sha256 });
    expect((await alice.get('/media/usage')).body.used_bytes).toBeGreaterThan(0);
    expect((await sendFile(server.url, alice, 20_000_000)).status).toBe(200);
  }, 120_000);
});
