/** What scripts may rely on. */
export const exitCode = { ok: 0, failed: 1, usage: 2, attention: 3 } as const;

/** The command did what was asked, and found something that a person should look at. */
export class NeedsAttention extends Error {
  override readonly name = 'NeedsAttention';
}
