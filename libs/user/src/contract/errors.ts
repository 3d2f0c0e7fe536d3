import { domainError } from '@banyan/platform/contract';

export const UserNotFound = domainError('user.not_found', { status: 404, detail: 'User not found' });

export const PublicKeyRequired = domainError('user.public_key_required', { status: 400, detail: 'public_key is required' });
