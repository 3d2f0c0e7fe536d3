import { setTimeout as pause } from 'node:timers/promises';
import { ServerProcess } from '../support/server-process';
import { clean, play, verdict } from './scene';

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
    expect(verdict(after)).toEqual(clean(after));
    expect({ codes, unanswered: after.load.tally.dropped }).toEqual({ codes: [0], unanswered: 0 });
    expect(after.load.tally.unserved).toBeGreaterThan(0);
  });

  it('keeps its word over kill -9, taking over the PostgreSQL that was left running', async () => {
    const after = await play({
      server,
      fault: async () => {
        await server.kill();
        await server.startAgain();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
    expect(after.load.tally.unserved).toBeGreaterThan(0);
    expect(server.output).toContain('which an earlier server had left running');
  });

  it('keeps its word when it is frozen for longer than its deadlines', async () => {
    const after = await play({
      server,
      fault: async () => {
        server.freeze();
        await pause(6_000);
        server.thaw();
      },
    });
    expect(verdict(after)).toEqual(clean(after));
  });
});
