import { domainError } from '@banyan/platform/contract';

export const GroupNotFound = domainError('group.not_found', { status: 404, detail: 'Group not found' });

export const NotAMember = domainError('group.not_a_member', { status: 403, detail: 'You are not a member of this group' });

/** Nobody by that id; or one of the two has blocked the other, which looks the same. */
export const UserToAddNotFound = domainError('group.user_not_found', { status: 404, detail: 'User not found' });

export const AlreadyAMember = domainError('group.already_a_member', { status: 400, detail: 'User is already in group' });
export const MemberNotFound = domainError('group.member_not_found', { status: 404, detail: 'Member not in group' });
export const BannedFromGroup = domainError('group.banned', { status: 403, detail: 'This user is banned from the group' });
export const GroupFull = domainError('group.full', { status: 400, detail: 'The group is full' });
export const TooManyGroups = domainError('group.too_many', { status: 400, detail: 'You are in too many groups' });

export const OnlyAdminsAdd = domainError('group.only_admins_add', { status: 403, detail: 'Only admin can add members' });
export const OnlyAdminsRemove = domainError('group.only_admins_remove', { status: 403, detail: 'Only admin can remove members' });
export const OnlyAdminsPost = domainError('group.only_admins_post', { status: 403, detail: 'Only admins can write in this group' });
export const OnlyAdminsEdit = domainError('group.only_admins_edit', { status: 403, detail: 'Only admins can change this group' });
export const OnlyOwnerDeletes = domainError('group.only_owner_deletes', { status: 403, detail: 'Only group admin can delete the group' });
export const OnlyTheOwner = domainError('group.only_the_owner', { status: 403, detail: 'Only the owner of the group can do this' });

/** He would leave a group that belongs to nobody. */
export const OwnerCannotLeave = domainError('group.owner_cannot_leave', {
  status: 400,
  detail: 'The owner cannot leave the group: hand it over or delete it',
});

export const GroupMessageNotFound = domainError('group.message_not_found', { status: 404, detail: 'Message not found' });
export const NotYourMessage = domainError('group.not_your_message', {
  status: 403,
  detail: 'Only its sender or an admin can delete a message',
});
