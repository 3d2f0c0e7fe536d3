import { createLogger, type LogLevel } from './log';
import { NestLogger } from './nest-logger';

/** A log and the lines it has written. */
function logged(level: LogLevel = 'info', traceIdOf?: () => string | undefined) {
  const lines: Record<string, unknown>[] = [];
  const destination = { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) };
  return { log: createLogger({ level, traceIdOf, destination }), lines };
}

class QueryFailedError extends Error {
  readonly code = '23505';
  readonly constraint = 'users_email_key';
  readonly query = 'INSERT INTO users VALUES ($1)';
  readonly parameters = ['alice@chat.example', 'hunter2'];
  readonly driverError = { detail: 'Key (email)=(alice@chat.example) already exists.' };
}

describe('the log', () => {
  it('writes one JSON line with level, time, fields and text', () => {
    const { log, lines } = logged();
    log.info({ operation: 'relay.send', ms: 3 }, 'served');
    log.debug('not at this level');
    expect(lines).toEqual([
      { level: 'info', time: expect.stringMatching(/^\d{4}-.*Z$/), pid: process.pid, operation: 'relay.send', ms: 3, msg: 'served' },
    ]);
  });

  it('carries the trace of the running call, and none outside', () => {
    let traceId: string | undefined = 'a'.repeat(32);
    const { log, lines } = logged('info', () => traceId);
    log.info('inside');
    traceId = undefined;
    log.info('outside');
    expect(lines).toMatchObject([{ trace_id: 'a'.repeat(32) }, {}]);
    expect(lines[1]).not.toHaveProperty('trace_id');
  });

  it('replaces secrets and contents at any depth, in children too', () => {
    const { log, lines } = logged();
    const secret = 'hunter2';
    const headers = { authorization: secret, Cookie: secret, 'set-cookie': [secret], accept: 'text' };
    const message = { encrypted_content: secret, encrypted_session_key: secret, signature: 'shown' };
    log
      .child({ jwt_secret_key: secret, room: 'edge' })
      .warn({ a: { b: [{ headers, message }] }, access_token: secret, encrypted_private_key: secret, newPassword: { was: secret } });
    log.warn({ address: `redis://:${secret}@cache:6379/0` }, `lost postgres://banyan:${secret}@db/x`);
    log.warn('%j', { password: secret });
    expect(JSON.stringify(lines)).not.toContain(secret);
    expect(lines[0]).toMatchObject({
      room: 'edge',
      a: { b: [{ headers: { accept: 'text', authorization: '***' }, message: { signature: 'shown' } }] },
    });
    expect(lines[1]).toMatchObject({ address: 'redis://***@cache:6379/0', msg: 'lost postgres://***@db/x' });
  });

  it('tells class, code and place of an error, never its words or what a driver hangs on it', () => {
    const { log, lines } = logged();
    const cause = new QueryFailedError('duplicate key: alice@chat.example');
    log.error({ err: new TypeError('alice@chat.example', { cause }), deep: { reason: cause } }, 'could not register');
    log.error(cause);
    expect(JSON.stringify(lines)).not.toMatch(/alice|hunter2|INSERT/);
    const described = {
      class: 'QueryFailedError',
      code: '23505',
      constraint: 'users_email_key',
      at: expect.stringContaining('log.spec.ts:'),
    };
    expect(lines).toMatchObject([
      { err: { class: 'TypeError', cause: described }, deep: { reason: described }, msg: 'could not register' },
      { err: described, msg: 'failed' },
    ]);
  });

  it('tells the stack at debug, still without parameters', () => {
    const { log, lines } = logged('debug');
    log.error({ err: new QueryFailedError('duplicate key') }, 'could not register');
    expect(lines[0]).toMatchObject({ err: { stack: expect.stringContaining('duplicate key') } });
    expect(JSON.stringify(lines)).not.toMatch(/alice|hunter2|INSERT/);
  });

  it('survives whatever it is given', () => {
    const { log, lines } = logged();
    const cycle: Record<string, unknown> = {
      big: 1n,
      call: () => 1,
      when: new Date(NaN),
      bytes: Buffer.alloc(9),
      text: 'x'.repeat(1e6),
      list: Array(1e5).fill(0),
    };
    cycle.self = cycle;
    Object.defineProperty(cycle, 'trap', {
      enumerable: true,
      get: () => {
        throw new Error('no');
      },
    });
    log.info(cycle, 'odd');
    log.info({ err: null, other: undefined, thrown: Object.assign(new Error(), { stack: undefined }) }, 'odder');
    expect(lines).toHaveLength(2);
    expect(JSON.stringify(lines).length).toBeLessThan(50_000);
    expect(lines[0]).toMatchObject({ big: '1', bytes: '[9 bytes]', trap: '[unreadable]' });
  });
});

describe("Nest's lines", () => {
  it('go to the same log with their context, without words of errors', () => {
    const { log, lines } = logged();
    const nest = new NestLogger(log);
    nest.log('Application started: not at this level', 'NestApplication');
    nest.error('Oops', 'Error: secret words\n    at x (y.ts:1:1)', 'ExceptionsHandler');
    nest.error(new QueryFailedError('alice'), 'ExceptionsHandler');
    nest.warn({ password: 'hunter2', a: 1 });
    expect(lines).toMatchObject([
      { level: 'error', context: 'ExceptionsHandler', msg: 'Oops' },
      { level: 'error', context: 'ExceptionsHandler', err: { class: 'QueryFailedError', code: '23505' } },
      { level: 'warn', details: { password: '***', a: 1 } },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/secret words|alice|hunter2/);
  });
});
