import { Breaker } from './breaker';

describe('a breaker', () => {
  let now = 0;
  let breaker: Breaker;

  beforeEach(() => {
    now = 1_000_000;
    breaker = new Breaker({ now: () => now });
  });

  function call(outcome: 'good' | 'bad' | 'neutral', times = 1): void {
    for (let i = 0; i < times; i++) {
      breaker.begin();
      breaker.end(outcome);
    }
  }

  it('opens when there are enough failures and they are half of all', () => {
    call('bad', 4);
    expect(breaker.allows).toBe(true);
    call('bad');
    expect(breaker.allows).toBe(false);
  });

  it('stays closed while most calls are well', () => {
    call('good', 20);
    call('bad', 19);
    call('neutral', 100);
    expect(breaker.allows).toBe(true);
    call('bad');
    expect(breaker.allows).toBe(false);
  });

  it('forgets what has left the window', () => {
    call('bad', 4);
    now += 10_001;
    call('bad', 4);
    expect(breaker.allows).toBe(true);
    now += 5_000;
    call('bad');
    expect(breaker.allows).toBe(false);
  });

  it('lets one call try after a while: it closes on success, and stays open on failure', () => {
    call('bad', 5);
    now += 2_000;
    expect(breaker.allows).toBe(true);
    breaker.begin();
    expect(breaker.allows).toBe(false);
    breaker.end('bad');
    expect(breaker.allows).toBe(false);
    now += 2_000;
    breaker.begin();
    breaker.end('good');
    expect(breaker.allows).toBe(true);
    call('bad', 4);
    expect(breaker.allows).toBe(true);
  });

  it('goes on trying when the try told nothing', () => {
    call('bad', 5);
    now += 2_000;
    call('neutral');
    expect(breaker.allows).toBe(true);
  });
});
