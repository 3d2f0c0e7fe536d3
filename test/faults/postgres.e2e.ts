import { join } from 'node:path';
import { postmasterOf } from '@banyan/platform/embedded/postmaster';
import { type Servers, startServers } from '../support/servers';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { ServerProcess } from '../support/server-process';
import { clean, play, verdict } from './scene';

jest.setTimeout(240_000);

describe('under load, PostgreSQL', () => {
  const closing: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function startServer(environment: Record<string, string> = {}): Promise<ServerProcess> {
    const server = await ServerProcess.start(environment);
    closing.push(() => server.remove());
    return server;
  }

  async function startPostgres(): Promise<{ servers: Servers; url: string }> {
    const servers = await startServers('postgres');
    closing.push(() => servers.stop());
    return { servers, url: servers.env['TEST_DATABASE_URL']! };
  }

  async function startProxy(url: string): Promise<TcpProxy> {
    const proxy = await startTcpProxy(url);
    closing.push(() => proxy.close());
    return proxy;
  }

  it('that the server has started itself may be killed: it is started again', async () => {
    const server = await startServer();
    const after = await play({
      server,
      // It may be back before a client has to be told: what it held is repeated here.
      fault: () => Promise.resolve(process.kill(postmasterOf(join(server.dataDir, 'postgres'))!.pid, 'SIGKILL')),
    });
    expect(verdict(after)).toEqual(clean(after));
    expect(server.output).toContain('PostgreSQL ended (SIGKILL); starting it again');
  });

  it('of somebody else may be killed and come back', async () => {
    const { servers, url } = await startPostgres();
    const server = await startServer({ DATABASE_URL: url });
    const after = await play({
      server,
      databaseUrl: url,
      fault: async (load) => {
        await servers.kill('postgres');
        await load.unserved(200);
        await servers.start('postgres');
      },
    });
    expect(verdict(after)).toEqual(clean(after));
    expect(after.load.tally.unserved).toBeGreaterThanOrEqual(200);
  });

  it('may fall silent: whoever cannot be served is told so in time, and it goes on by itself', async () => {
    const { url } = await startPostgres();
    const proxy = await startProxy(url);
    const server = await startServer({ DATABASE_URL: proxy.through(url) });
    const after = await play({
      server,
      databaseUrl: url,
      fault: async (load) => {
        proxy.freeze();
        // More than there are clients: each has been refused at least once, the slowest reads included.
        await load.unserved(200);
        proxy.thaw();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
    expect(after.load.tally.unserved).toBeGreaterThanOrEqual(200);
  });

  it('may cut and refuse connections', async () => {
    const { url } = await startPostgres();
    const proxy = await startProxy(url);
    const server = await startServer({ DATABASE_URL: proxy.through(url) });
    const after = await play({
      server,
      databaseUrl: url,
      fault: async (load) => {
        await proxy.stop();
        await load.unserved(100);
        await proxy.start();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
  });
});
