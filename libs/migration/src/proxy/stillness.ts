import type { ErrorDefinition } from '@banyan/platform/contract';

/** A clock that runs while nothing moves. */
export class Stillness {
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly over: (reason: Error) => void) {}

  /** From now on, until the next such word, nothing may stand still for longer. */
  within(ms: number, reason: ErrorDefinition): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.over(reason()), ms);
  }

  readonly moved = (): void => {
    this.timer?.refresh();
  };

  end(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
