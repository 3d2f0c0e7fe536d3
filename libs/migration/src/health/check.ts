/** One thing that was looked at. `attention`: it works, and somebody should look. `broken`: it does not. */
export interface Check {
  /** A few words, the same whatever was found. */
  readonly what: string;
  readonly state: 'ok' | 'attention' | 'broken';
  /** What was found, and unless it is well, what to do. */
  readonly sentence: string;
}

const check =
  (state: Check['state']) =>
  (what: string, sentence: string): Check => ({ what, state, sentence });

export const ok = check('ok');
export const attention = check('attention');
export const broken = check('broken');
