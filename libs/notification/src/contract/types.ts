import { Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** What a mail is about. */
export const Kind = z.enum(['verify_email', 'reset_password', 'password_changed', 'session_revoked', 'invitation', 'invitation_accepted']);
export type Kind = z.output<typeof Kind>;

/**
 * - `queued`: waits for its (next) attempt. `sending`: its content is on its way to the mail server.
 * - `sent`: the mail server took it. `failed`: it will not; `bounced`: because of the recipient.
 * - `unsure`: the mail server may have it, its answer was lost, and this mail is not worth a second copy.
 * - `dropped`: nothing was sent, since nobody needs or wants it any more.
 */
export const MailState = z.enum(['queued', 'sending', 'sent', 'failed', 'bounced', 'unsure', 'dropped']);
export type MailState = z.output<typeof MailState>;

/** What its recipient sees of a notification. */
export const Notification = z.object({
  id: Uuid,
  kind: Kind,
  state: MailState,
  created_at: Timestamp,
  sent_at: Timestamp.nullable(),
  read_at: Timestamp.nullable(),
});
export type Notification = z.output<typeof Notification>;

/** What admins see of a mail. `reason`: why it is not (yet) sent, perhaps in the mail server's words. */
export const Mail = Notification.omit({ read_at: true }).extend({
  user_id: Uuid.nullable(),
  address: z.string().nullable(),
  attempts: z.int(),
  next_attempt_at: Timestamp.nullable(),
  reason: z.string().nullable(),
});
export type Mail = z.output<typeof Mail>;

/** Security mails cannot be switched off. */
export const Preference = z.object({ kind: Kind, is_on: z.boolean(), can_change: z.boolean() });

/** Handlebars: `{{name}}`, `{{#if name}} … {{else}} … {{/if}}`, `{{#unless name}} … {{/unless}}`, comments; nothing else. */
export const TemplateParts = z.object({
  subject: Text({ min: 1, max: 200 }),
  text: Text({ min: 1, max: 20_000 }),
  html: Text({ min: 1, max: 100_000 }),
});
export type TemplateParts = z.output<typeof TemplateParts>;

/** Version 0 is the one that Banyan ships, made by nobody. */
export const TemplateVersion = z.object({ version: z.int(), created_by: Uuid.nullable(), created_at: Timestamp.nullable() });

export const Template = TemplateParts.extend(TemplateVersion.shape).extend({
  kind: Kind,
  /** What may be written between `{{` and `}}`. */
  variables: z.array(z.string()),
});
export type Template = z.output<typeof Template>;
