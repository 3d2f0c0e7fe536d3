import { domainError } from '@banyan/platform/contract';

export const AlreadyRegistered = domainError('auth.already_registered', {
  status: 400,
  detail: 'User with this email or username already exists',
});

/** The same for an unknown address, a wrong password and an account that is not active. */
export const InvalidCredentials = domainError('auth.invalid_credentials', { status: 401, detail: 'Invalid credentials' });

export const AccountNotFound = domainError('auth.account_not_found', { status: 401, detail: 'User not found' });
