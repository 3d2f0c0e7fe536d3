import { type Bindings, type DestinationStream, type Logger, pino } from 'pino';
import { describeError } from './describe-error';
import { redacted } from './redact';

export type { Logger } from 'pino';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  /** The trace of the call that is running, if one is. */
  readonly traceIdOf?: () => string | undefined;
  readonly destination?: DestinationStream;
}

/**
 * JSON lines on standard output: `level`, `time` (ISO 8601, UTC), `pid`, `trace_id` inside a call, the fields given, `msg`.
 * Secrets and contents are replaced wherever they stand in the fields; errors, under any name, become what `describeError` says.
 *
 * Texts of messages are constants of the program: what varies goes into fields, which are checked.
 */
export function createLogger({ level, traceIdOf = () => undefined, destination }: LogOptions): Logger {
  const withStack = level === 'debug' || level === 'trace';
  const describe = (error: Error) => describeError(error, { withStack });
  const options = {
    level,
    base: { pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    mixin: () => {
      const traceId = traceIdOf();
      return traceId === undefined ? {} : { trace_id: traceId };
    },
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: (described: unknown) => described }, // described below; pino's own would add message and stack
    hooks: {
      // Here and not in a formatter, so that pino meets nothing but plain copies.
      logMethod(this: Logger, [first, ...rest]: unknown[], method: (...args: unknown[]) => void) {
        const shown = rest.map((part) => redacted(part, describe));
        // pino would make the message of an error that comes alone the message of the line.
        if (first instanceof Error)
          return method.apply(this, [{ err: redacted(first, describe) }, ...(shown.length > 0 ? shown : ['failed'])]);
        return method.apply(this, [redacted(first, describe), ...shown]);
      },
    },
  };
  const log = destination ? pino(options, destination) : pino(options);
  const { child } = log;
  log.child = function (this: Logger, bindings: Bindings, ...more) {
    return child.call(this, redacted(bindings, describe) as Bindings, ...more);
  } as typeof child;
  return log;
}
