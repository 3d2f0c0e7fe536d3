import type { LoggerService } from '@nestjs/common';
import type { Logger } from './log';

/** Nest's own lines on our log, its chatter about starting up as debug lines. Nest gives the context as the last text, and to `error` a stack before it. */
export class NestLogger implements LoggerService {
  constructor(private readonly logger: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    this.write('error', message, rest);
  }

  fatal(message: unknown, ...rest: unknown[]): void {
    this.write('fatal', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.write('warn', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.write('trace', message, rest);
  }

  private write(level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', message: unknown, rest: unknown[]): void {
    const last = rest.at(-1);
    const context = typeof last === 'string' && !isStack(last) ? last : undefined;
    const stack = rest.find(isStack);
    const error = [message, ...rest].find((part) => part instanceof Error);
    const fields = {
      ...(context ? { context } : {}),
      ...(error ? { err: error } : {}),
      ...(stack && this.logger.isLevelEnabled('debug') ? { stack } : {}),
      ...(typeof message === 'object' && message !== null && !(message instanceof Error) ? { details: message } : {}),
    };
    this.logger[level](fields, typeof message === 'string' ? message : 'nest');
  }
}

const isStack = (part: unknown) => typeof part === 'string' && /\n\s+at /.test(part);
