import { addUp, p95, Traffic } from './traffic';

describe('traffic', () => {
  it('counts requests and the faults of a home, not the errors a contract declares', () => {
    const traffic = new Traffic();
    for (const outcome of [
      'ok',
      'relay.recipient_not_found',
      'invalid_input',
      'fault',
      'not_served',
      'internal',
      'unavailable',
      'deadline_exceeded',
    ]) {
      traffic.observe('relay.send', 'remote', outcome, 0.01);
    }
    traffic.observe('auth.login', 'local', 'ok', 0.01);
    expect(traffic.report()).toMatchObject({ relay: { remote: { requests: 8, errors: 5 } }, auth: { local: { requests: 1, errors: 0 } } });
  });

  it('forgets what is older than a minute', () => {
    let now = 1_000_000;
    const traffic = new Traffic(() => now);
    traffic.observe('relay.send', 'local', 'ok', 0.01);
    now += 54_000;
    traffic.observe('relay.send', 'local', 'ok', 0.01);
    expect(traffic.report()).toMatchObject({ relay: { local: { requests: 2 } } });
    now += 6_000;
    expect(traffic.report()).toMatchObject({ relay: { local: { requests: 1 } } });
    now += 60_000;
    expect(traffic.report()).toEqual({});
  });

  it('tells the p95 of several processes together, at most a fifth too much', () => {
    const [one, other] = [new Traffic(), new Traffic()];
    for (let i = 0; i < 95; i++) one.observe('relay.send', 'local', 'ok', 0.002);
    for (let i = 0; i < 5; i++) other.observe('relay.send', 'local', 'ok', 1);
    const together = addUp([one.report(), other.report()]).relay!.local!;
    expect(together.requests).toBe(100);
    expect(p95(together)).toBeGreaterThanOrEqual(2);
    expect(p95(together)).toBeLessThanOrEqual(2.4);
    other.observe('relay.send', 'local', 'ok', 1);
    expect(p95(addUp([one.report(), other.report()]).relay!.local!)).toBeGreaterThanOrEqual(1_000);
    expect(p95({ requests: 0, errors: 0, durations: {} })).toBeUndefined();
  });

  it('stays small however many calls it saw', () => {
    const traffic = new Traffic();
    for (let i = 0; i < 20_000; i++) traffic.observe('relay.send', 'local', 'ok', (i % 1_000) / 500);
    traffic.observe('relay.send', 'local', 'ok', 0);
    traffic.observe('relay.send', 'local', 'ok', 1e9);
    expect(JSON.stringify(traffic.report()).length).toBeLessThan(1_500);
  });
});
