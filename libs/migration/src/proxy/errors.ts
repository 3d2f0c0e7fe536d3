import { domainError } from '@banyan/platform/contract';

/** Nothing came back from the monolith: no connection, or it broke. */
export const LegacyUnreachable = domainError('legacy.unreachable', {
  status: 502,
  detail: 'The service is not available at the moment. Try again.',
});
/** The monolith took the request, and gave no answer in time. */
export const LegacySilent = domainError('legacy.silent', {
  status: 504,
  detail: 'The answer did not come in time. Try again.',
});
/** As many requests wait for the monolith as may. It has not seen this one. */
export const LegacyBusy = domainError('legacy.busy', {
  status: 503,
  detail: 'The service is busy at the moment. Try again.',
  retryAfterSeconds: 1,
});
/** The monolith confirmed a message, and whether it is stored cannot be told now. */
export const NotConfirmed = domainError('legacy.not_confirmed', {
  status: 504,
  detail: 'It is not certain that the message was stored. Look for it before you send it again.',
});
/** The monolith confirmed a message that it has not stored. */
export const NotStored = domainError('legacy.not_stored', {
  status: 502,
  detail: 'The message could not be stored. Send it again.',
});
