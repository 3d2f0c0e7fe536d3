import { domainError } from '@banyan/platform/contract';

export const NotificationNotFound = domainError('notification.not_found', { status: 404, detail: 'Notification not found' });

/** Changed by somebody, or made by another server. */
export const UnsubscribeLinkInvalid = domainError('notification.unsubscribe_link_invalid', {
  status: 400,
  detail: 'This link is not valid. Use the one in the mail as it is.',
});

export const SecurityMail = domainError('notification.security_mail', {
  status: 400,
  detail: 'Mails about the security of an account cannot be switched off.',
});

/** `faults` names each: `{part, problem}`. */
export const TemplateBroken = domainError('notification.template_broken', {
  status: 400,
  detail: 'This template would not make a mail. Nothing was saved.',
});

export const TemplateVersionNotFound = domainError('notification.template_version_not_found', {
  status: 404,
  detail: 'There is no such version of this template',
});

/** `version` is the newest one. */
export const TemplateMoved = domainError('notification.template_moved', {
  status: 409,
  detail: 'Somebody else has saved this template meanwhile. Look at it again.',
});
