import { Alarm } from './alarm';

describe('an alarm', () => {
  beforeEach(() => void jest.useFakeTimers({ now: 0 }));
  afterEach(() => void jest.useRealTimers());

  it('rings at the earliest of the times it was set for, then at those that it is told are left', () => {
    const rung: number[] = [];
    const times = [30, 10, 20];
    const alarm = new Alarm((now) => {
      rung.push(now);
      return Math.min(...times.filter((time) => time > now));
    });
    for (const time of times) alarm.setFor(time);
    jest.advanceTimersByTime(100);
    expect(rung).toEqual([10, 20, 30]);
  });

  it('can be set while it rings, and again when nothing was left', () => {
    const rung: number[] = [];
    const alarm: Alarm = new Alarm((now) => {
      rung.push(now);
      if (now === 10) alarm.setFor(15);
      return Infinity;
    });
    alarm.setFor(10);
    jest.advanceTimersByTime(50);
    alarm.setFor(60);
    jest.advanceTimersByTime(50);
    expect(rung).toEqual([10, 15, 60]);
  });

  it('does not take a time that no timer can take for a time that has come', () => {
    const ring = jest.fn(() => Infinity);
    const alarm = new Alarm(ring);
    alarm.setFor(2 ** 40);
    jest.advanceTimersByTime(60_000);
    expect(ring).not.toHaveBeenCalled();
    alarm.stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});
