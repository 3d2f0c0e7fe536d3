/**
 * The server cannot start, and a person can do something about it. The message is one sentence that says what is wrong and what to
 * do; the program prints it without a stack and exits with 1.
 */
export class StartupError extends Error {
  override readonly name = 'StartupError';
}

/** The reason inside a failed system call or program, as few words as it has: `EACCES`, `ENOSPC`, or the text. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return String(code ?? message ?? error);
}
