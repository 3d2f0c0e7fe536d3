import { domainError } from '@banyan/platform/contract';

export const AlreadyRegistered = domainError('auth.already_registered', {
  status: 400,
  detail: 'User with this email or username already exists',
});

/** Only while the monolith reads the same accounts: its bcrypt would ignore the rest. */
export const PasswordTooLong = domainError('auth.password_too_long', { status: 422, detail: 'password: at most 72 bytes' });

/** One of those that are tried first, or made of what everybody knows of the account. */
export const PasswordTooCommon = domainError('auth.password_too_common', {
  status: 422,
  detail: 'password: this one is too easy to guess, choose another',
});

/** The same for an unknown address, a wrong password and an account that is not active. */
export const InvalidCredentials = domainError('auth.invalid_credentials', { status: 401, detail: 'Invalid credentials' });

/** Of somebody who is signed in and does not know his password. Not 401: his token is good. */
export const WrongPassword = domainError('auth.wrong_password', { status: 403, detail: 'The current password is wrong' });

export const AccountNotFound = domainError('auth.account_not_found', { status: 401, detail: 'User not found' });

/** Unknown, used before, ended or expired: sign in again. */
export const InvalidRefreshToken = domainError('auth.invalid_refresh_token', { status: 401, detail: 'Could not validate credentials' });

export const SessionNotFound = domainError('auth.session_not_found', { status: 404, detail: 'Session not found' });

/** Unknown, used before, replaced by a newer one or expired. */
export const InvalidLink = domainError('auth.invalid_link', { status: 400, detail: 'This link is not valid any more. Ask for a new one.' });

/** There is nothing to send: the account is gone or verified, a newer request has replaced this one, or its time is over. */
export const NoLink = domainError('auth.no_link', { status: 410, detail: 'There is no link for this request any more' });

export const RemovalByAdminsOnly = domainError('auth.removal_by_admins_only', { status: 403, detail: 'Only admins can remove contacts' });

export const UserToRemoveNotFound = domainError('auth.user_not_found', { status: 404, detail: 'User not found' });

export const LastAdmin = domainError('auth.last_admin', { status: 400, detail: 'The last admin cannot be removed' });

/** Nobody gets in by the account any more, and what is left of it goes as soon as every domain can be reached. */
export const RemovalGoesOn = domainError('auth.removal_goes_on', {
  status: 503,
  detail: 'The account is being removed, which takes longer than usual. It goes on by itself.',
  retryAfterSeconds: 5,
});
