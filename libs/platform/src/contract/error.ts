/**
 * An error that a contract declares. Its `code` survives the wire, a class identity does not: compare codes, never texts.
 *
 * `detail` is shown to people by the existing web client, so it is a sentence and never a driver's text.
 */
export class DomainError extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    readonly detail: string,
    /** Further keys of the error body, e.g. the faults of an invalid input. JSON. */
    readonly extra?: Readonly<Record<string, unknown>>,
    readonly retryAfterSeconds?: number,
  ) {
    super(detail);
    this.name = code;
  }
}

export interface ErrorDefinition {
  (extra?: Readonly<Record<string, unknown>>): DomainError;
  readonly code: string;
  readonly status: number;
  readonly detail: string;
}

/** Define an error: `throw RecipientNotFound()`. The code is `<domain>.<what>`; the status is what HTTP clients see. */
export function domainError(
  code: string,
  { status, detail, retryAfterSeconds }: { status: number; detail: string; retryAfterSeconds?: number },
): ErrorDefinition {
  const make = (extra?: Readonly<Record<string, unknown>>) => new DomainError(code, status, detail, extra, retryAfterSeconds);
  return Object.assign(make, { code, status, detail });
}

/** True if `error` is the declared one, wherever it was thrown. */
export function isError(error: unknown, definition: ErrorDefinition): boolean {
  return error instanceof DomainError && error.code === definition.code;
}

// What every operation may answer beside its own errors: the platform's.
export const NotAuthenticated = domainError('not_authenticated', { status: 403, detail: 'Not authenticated' });
export const InvalidScheme = domainError('invalid_scheme', { status: 403, detail: 'Invalid authentication credentials' });
export const InvalidToken = domainError('invalid_token', { status: 401, detail: 'Could not validate credentials' });
export const CallerNotFound = domainError('caller_not_found', { status: 401, detail: 'User not found' });
export const Forbidden = domainError('forbidden', { status: 403, detail: 'Not allowed' });
export const AdminsOnly = domainError('admins_only', { status: 403, detail: 'Only admins may do this' });
export const KeyReused = domainError('idempotency_key_reused', {
  status: 422,
  detail: 'This Idempotency-Key was used before with another request',
});
export const TooManyRequests = domainError('too_many_requests', {
  status: 429,
  detail: 'Too many requests. Try again later.',
  retryAfterSeconds: 1,
});
/** Not executed: no copy of the domain, or something it needs, can be reached. Safe to repeat. */
export const Unavailable = domainError('unavailable', {
  status: 503,
  detail: 'The service is not available at the moment. Try again.',
  retryAfterSeconds: 1,
});
/** Perhaps executed: no answer came in time. A command is repeated with the same Idempotency-Key. */
export const DeadlineExceeded = domainError('deadline_exceeded', {
  status: 504,
  detail: 'The answer did not come in time. Repeat the request with the same Idempotency-Key.',
  retryAfterSeconds: 1,
});
export const CallTooDeep = domainError('call_too_deep', { status: 508, detail: 'Calls between services are nested too deeply' });
export const UnknownOperation = domainError('unknown_operation', {
  status: 503,
  detail: 'This operation is not served here',
  retryAfterSeconds: 1,
});
export const Internal = domainError('internal', { status: 500, detail: 'Internal Server Error' });
