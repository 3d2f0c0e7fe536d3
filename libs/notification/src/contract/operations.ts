import { Bool, command, contract, get, Int, post, put, query, Text, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';
import {
  NotificationNotFound,
  SecurityMail,
  TemplateBroken,
  TemplateMoved,
  TemplateVersionNotFound,
  UnsubscribeLinkInvalid,
} from './errors';
import { Kind, Mail, MailState, Notification, Preference, Template, TemplateParts } from './types';

const page = { limit: Int({ min: 1, max: 100 }).default(50), cursor: Uuid.nullish() };

/** The newest first. `next_cursor` is given back for what is older; null at the end. Those of a year are kept. */
export const list = query({
  summary: "The caller's notifications.",
  http: get('/notifications'),
  access: 'user',
  input: z.object(page),
  output: z.object({ notifications: z.array(Notification), next_cursor: Uuid.nullable() }),
});

export const markRead = command({
  summary: 'Mark a notification of the caller as read.',
  http: put('/notifications/{notification_id}/read'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({ notification_id: Uuid }),
  output: Notification,
  errors: [NotificationNotFound],
});

const Preferences = z.object({ preferences: z.array(Preference) });

export const preferences = query({
  summary: 'Which mails the caller gets.',
  http: get('/notifications/preferences'),
  access: 'user',
  input: z.object({}),
  output: Preferences,
});

export const setPreference = command({
  summary: 'Switch one kind of mail to the caller on or off.',
  http: put('/notifications/preferences'),
  access: 'user',
  repeatable: 'yes',
  input: z.object({ kind: Kind, is_on: Bool }),
  output: Preferences,
  errors: [SecurityMail],
});

/** Without a sign-in: whoever has the mail may do it. The second route is the one that mail programs call by themselves (RFC 8058). */
export const unsubscribe = command({
  summary: 'Switch off the kind of mail in which this link was.',
  http: [post('/notifications/unsubscribe'), post('/notifications/unsubscribe/{token}', { argumentsIn: 'query' })],
  access: 'public',
  repeatable: 'yes',
  input: z.object({ token: Text({ min: 1, max: 400 }) }),
  output: z.object({ kind: Kind }),
  errors: [UnsubscribeLinkInvalid],
});

/** The newest first; of one state only if it is named. */
export const mails = query({
  summary: 'What was mailed or is about to be, and what became of it.',
  http: get('/notifications/mails'),
  access: 'admin',
  input: z.object({ state: MailState.nullish(), ...page }),
  output: z.object({ mails: z.array(Mail), next_cursor: Uuid.nullable() }),
});

export const templates = query({
  summary: 'The templates in use.',
  http: get('/notifications/templates'),
  access: 'admin',
  input: z.object({}),
  output: z.object({ templates: z.array(Template) }),
});

export const templateVersions = query({
  summary: 'Every version of a template, the newest first.',
  http: get('/notifications/templates/{kind}'),
  access: 'admin',
  input: z.object({ kind: Kind }),
  output: z.object({ versions: z.array(Template) }),
});

const expected = { expected_version: Int({ min: 0, max: 1_000_000 }).nullish() };

/** A new version, in use at once. What is in use already makes none. @throws TemplateBroken with every fault; TemplateMoved */
export const saveTemplate = command({
  summary: 'Save a new version of a template.',
  http: put('/notifications/templates/{kind}'),
  access: 'admin',
  repeatable: 'yes',
  input: TemplateParts.extend({ kind: Kind, ...expected }),
  output: Template,
  errors: [TemplateBroken, TemplateMoved],
});

/** Makes a new version of an older one; 0 is the one that Banyan ships. */
export const restoreTemplate = command({
  summary: 'Use an earlier version of a template again.',
  http: post('/notifications/templates/{kind}/restore'),
  access: 'admin',
  repeatable: 'yes',
  input: z.object({ kind: Kind, version: Int({ min: 0, max: 1_000_000 }) }),
  output: Template,
  errors: [TemplateBroken, TemplateVersionNotFound],
});

/** With example data; the parts that are not given are those in use. Sends and saves nothing. */
export const previewTemplate = query({
  summary: 'What a template makes of example data.',
  http: post('/notifications/templates/{kind}/preview'),
  access: 'admin',
  input: TemplateParts.partial().extend({ kind: Kind }),
  output: TemplateParts,
  errors: [TemplateBroken],
});

/** The template in use with example data, to the caller's own address. */
export const sendTest = command({
  summary: 'Mail an example to the caller.',
  http: post('/notifications/templates/{kind}/test'),
  access: 'admin',
  repeatable: 'by-key',
  input: z.object({ kind: Kind }),
  output: z.object({ notification_id: Uuid }),
});

/** Forget a user who is being removed: his notifications, the mails he caused, his preferences. */
export const purge = command({
  summary: 'Forget a user.',
  access: 'internal',
  repeatable: 'yes',
  input: z.object({ user_id: Uuid }),
  output: z.object({}),
});

export const notificationContract = contract('notification', {
  list,
  markRead,
  preferences,
  setPreference,
  unsubscribe,
  mails,
  templates,
  templateVersions,
  saveTemplate,
  restoreTemplate,
  previewTemplate,
  sendTest,
  purge,
});
