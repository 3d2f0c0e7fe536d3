/** What of an error may be logged. */
export interface DescribedError {
  /** The name of its class. */
  readonly class: string;
  /** A driver's or a contract's code, such as `23505` or `message.too_large`. */
  readonly code?: string;
  /** The constraint of the database that was violated. */
  readonly constraint?: string;
  /** The innermost place in this program. */
  readonly at?: string;
  readonly stack?: string;
  readonly cause?: DescribedError;
}

/**
 * An error as class, code and place; with its stack, and so its message, only where that is asked for. Messages quote inputs, and
 * drivers hang statements and parameters on their errors: none of them is copied.
 */
export function describeError(error: unknown, { withStack = false, depth = 0 } = {}): DescribedError {
  if (!(error instanceof Error)) return { class: error === null ? 'null' : typeof error };
  const { code, constraint, cause } = error as Error & { code?: unknown; constraint?: unknown };
  return {
    class: error.constructor.name === 'Error' ? error.name : error.constructor.name,
    ...(typeof code === 'string' || typeof code === 'number' ? { code: String(code) } : {}),
    ...(typeof constraint === 'string' ? { constraint } : {}),
    ...placeOf(error),
    ...(withStack && error.stack ? { stack: error.stack } : {}),
    ...(cause instanceof Error && depth < 3 ? { cause: describeError(cause, { withStack, depth: depth + 1 }) } : {}),
  };
}

/** `send (libs/relay/src/relay.service.ts:41)`: enough to find the line, without the words of the message. */
function placeOf({ stack = '' }: Error): { at?: string } {
  const frames = stack.split('\n').filter((line) => /^\s+at .*:\d+:\d+\)?$/.test(line));
  const frame = frames.find((line) => !/node_modules|node:/.test(line)) ?? frames[0];
  const [, name, file, line] = /^\s+at (?:async )?(?:(.+?) \()?(?:file:\/\/)?(.+?):(\d+):\d+\)?$/.exec(frame ?? '') ?? [];
  if (file === undefined) return {};
  const inside = file.startsWith(`${process.cwd()}/`) ? file.slice(process.cwd().length + 1) : file;
  return { at: name ? `${name} (${inside}:${line})` : `${inside}:${line}` };
}
