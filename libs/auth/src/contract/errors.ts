import { domainError } from '@banyan/platform/contract';

export const AlreadyRegistered = domainError('auth.already_registered', {
  status: 400,
  detail: 'User with this email or username already exists',
});

/** Only while the monolith reads the same accounts: its bcrypt would ignore the rest. */
export const PasswordTooLong = domainError('auth.password_too_long', { status: 422, detail: 'password: at most 72 bytes' });

/** The same for an unknown address, a wrong password and an account that is not active. */
export const InvalidCredentials = domainError('auth.invalid_credentials', { status: 401, detail: 'Invalid credentials' });

export const AccountNotFound = domainError('auth.account_not_found', { status: 401, detail: 'User not found' });
