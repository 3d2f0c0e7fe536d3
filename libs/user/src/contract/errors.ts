import { domainError } from '@banyan/platform/contract';

/** Nobody by that id; or somebody who has blocked the caller, which looks the same. */
export const UserNotFound = domainError('user.not_found', { status: 404, detail: 'User not found' });

export const PublicKeyRequired = domainError('user.public_key_required', { status: 400, detail: 'public_key is required' });

export const KeyBackupNotFound = domainError('user.key_backup_not_found', { status: 404, detail: 'Key backup not found' });

/** The request names a user who is not the one who makes it. */
export const NotYourself = domainError('user.not_yourself', { status: 403, detail: 'Only for your own account' });

export const ContactExists = domainError('user.contact_exists', { status: 400, detail: 'Contact already exists' });
export const ContactNotFound = domainError('user.contact_not_found', { status: 404, detail: 'Contact not found' });
export const TooManyContacts = domainError('user.too_many_contacts', { status: 400, detail: 'Your list of contacts is full' });

export const CannotBlockYourself = domainError('user.cannot_block_yourself', { status: 400, detail: 'You cannot block yourself' });
export const TooManyBlocks = domainError('user.too_many_blocks', { status: 400, detail: 'Your list of blocked users is full' });

export const AlreadyYourContact = domainError('user.already_your_contact', {
  status: 400,
  detail: 'User already registered and is already your contact.',
});
export const NotYourAddress = domainError('user.not_your_address', { status: 403, detail: 'You can only invite in your own name' });
export const TooManyInvitations = domainError('user.too_many_invitations', {
  status: 429,
  detail: 'You have sent too many invitations. Try again tomorrow.',
  retryAfterSeconds: 3_600,
});
export const InvalidInvitation = domainError('user.invalid_invitation', { status: 404, detail: 'Invalid invitation' });
export const InvalidInvitationToken = domainError('user.invalid_invitation_token', { status: 400, detail: 'Invalid invitation token' });
export const InvitationAccepted = domainError('user.invitation_accepted', { status: 400, detail: 'Invitation already accepted' });
export const InvitationExpired = domainError('user.invitation_expired', { status: 400, detail: 'Invitation expired' });
export const NotTheInvitee = domainError('user.not_the_invitee', { status: 403, detail: 'This invitation is for somebody else' });
export const InvitationNotFound = domainError('user.invitation_not_found', { status: 404, detail: 'Invitation not found' });
/** There is nothing to mail (any more): revoked, accepted, expired, or one of the two is gone. */
export const NoInvitation = domainError('user.no_invitation', { status: 410, detail: 'There is no such open invitation' });

export const OnlyAdminsSeeAllUsers = domainError('user.only_admins_see_all', { status: 403, detail: 'Only admins can view all users' });
export const OnlyAdminsAddContacts = domainError('user.only_admins_add_contacts', { status: 403, detail: 'Only admins can add contacts' });
export const OnlyAdminsMigrate = domainError('user.only_admins_migrate', { status: 403, detail: 'Only admins can run migrations' });
