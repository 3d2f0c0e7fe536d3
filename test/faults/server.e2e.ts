import { clean, play, verdict } from './scene';
import { ServerProcess } from './server-process';

jest.setTimeout(240_000);

let server: ServerProcess;

beforeEach(async () => {
  server = await ServerProcess.start();
});

afterEach(() => server.remove());

describe('under load, the server with everything embedded', () => {
  it('finishes what it has taken when it is told to stop, and goes on after a restart', async () => {
    const codes: (number | null)[] = [];
    const after = await play({
      server,
      fault: async () => {
        codes.push(await server.terminate());
        await server.startAgain();
      },
    });
    expect(codes).toEqual([0]);
    expect(verdict(after)).toEqual(clean(after));
    expect(after.load.tally.dropped).toBe(0);
    expect(after.load.tally.unserved).toBeGreaterThan(0);
  });

  it('keeps its word over kill -9', async () => {
    const after = await play({
      server,
      fault: async () => {
        await server.kill();
        await server.startAgain();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
    expect(after.load.tally.unserved).toBeGreaterThan(0);
  });

  it('keeps its word when it is frozen for a while', async () => {
    const after = await play({
      server,
      fault: async () => {
        server.freeze();
        await new Promise((resolve) => setTimeout(resolve, 3_000));
        server.thaw();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
  });
});
