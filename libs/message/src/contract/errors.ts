import { domainError } from '@banyan/platform/contract';

/** There is nobody with this id, or nobody the sender may write to: he cannot tell which. */
export const RecipientNotFound = domainError('message.recipient_not_found', { status: 404, detail: 'Recipient not found' });

export const MessageNotFound = domainError('message.not_found', { status: 404, detail: 'Message not found' });

/** Another message has the id that its sender chose. */
export const MessageExists = domainError('message.exists', { status: 409, detail: 'A message with this id exists already' });

export const NotTheSender = domainError('message.not_the_sender', { status: 403, detail: 'sender_id must be your own id' });

export const NotTheRecipient = domainError('message.not_the_recipient', {
  status: 403,
  detail: 'Only the recipient can mark a message as read',
});

export const OnlySenderDeletesForBoth = domainError('message.only_sender_deletes_for_both', {
  status: 403,
  detail: 'Only the sender can delete a message for both sides',
});
