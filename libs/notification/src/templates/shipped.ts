import type { Kind, TemplateParts } from '../contract';

/** A mail as its author thinks of it; `made` turns it into the two forms. */
interface Draft {
  readonly subject: string;
  /** Paragraphs before the button. */
  readonly before: readonly string[];
  readonly button?: { readonly label: string; readonly variable: string };
  readonly after: readonly string[];
  /** In small letters beneath. */
  readonly footer: string;
}

const ACCOUNT_FOOTER = 'You get this mail because an account at {{app}} uses this address.';

/** Version 0 of every template: in use until an admin saves another one. A change here is a change for all of those. */
export const shipped: Readonly<Record<Kind, TemplateParts>> = {
  verify_email: made({
    subject: 'Confirm your e-mail address',
    before: ['Hello {{name}},', 'please confirm that this address is yours, so that mails about your account reach you and nobody else.'],
    button: { label: 'Confirm this address', variable: 'url' },
    after: [
      'The link is good until {{expires}}, and once.',
      'You have no account at {{app}}? Then somebody has mistyped an address. You need not do anything.',
    ],
    footer: ACCOUNT_FOOTER,
  }),
  reset_password: made({
    subject: 'Choose a new password',
    before: ['Hello {{name}},', 'somebody, hopefully you, has asked for a new password for your account at {{app}}.'],
    button: { label: 'Choose a new password', variable: 'url' },
    after: [
      'The link is good until {{expires}}, and once. It signs out every device.',
      'It was not you? Then you need not do anything: your password stays as it is.',
    ],
    footer: ACCOUNT_FOOTER,
  }),
  password_changed: made({
    subject: 'Your password was changed',
    before: ['Hello {{name}},', 'the password of your account at {{app}} was changed on {{at}}.', 'It was you? Then all is well.'],
    button: { label: 'It was not me', variable: 'reset_url' },
    after: ['Choose a new password at once if it was not you. That signs out every device.'],
    footer: ACCOUNT_FOOTER,
  }),
  session_revoked: made({
    subject: 'A device was signed out for your safety',
    before: [
      'Hello {{name}},',
      'on {{at}} a sign-in of your account at {{app}} was used from two places, as happens when it was copied. We have ended it: the device has to sign in again.',
    ],
    button: { label: 'Choose a new password', variable: 'reset_url' },
    after: ['If you do not know how this came about, choose a new password. That signs out every device.'],
    footer: ACCOUNT_FOOTER,
  }),
  invitation: made({
    subject: '{{inviter_name}} invited you to {{app}}',
    before: ['Hello,', '{{inviter_name}} would like to write with you on {{app}}, where messages are encrypted between the two of you.'],
    button: { label: 'Accept the invitation', variable: 'url' },
    after: ['The invitation is good until {{expires}}. If you do not know {{inviter_name}}, you need not do anything.'],
    footer: 'You get this mail because {{inviter_name}} gave us your address. No more invitations: {{unsubscribe_url}}',
  }),
  invitation_accepted: made({
    subject: '{{contact_name}} accepted your invitation',
    before: ['Hello {{name}},', '{{contact_name}} has accepted your invitation. You can write to each other now.'],
    button: { label: 'Open {{app}}', variable: 'app_url' },
    after: [],
    footer: 'No more mails when an invitation is accepted: {{unsubscribe_url}}',
  }),
};

function made({ subject, before, button, after, footer }: Draft): TemplateParts {
  const text = [...before, ...(button ? [`${button.label}:\n{{${button.variable}}}`] : []), ...after, `-- \n${footer}`].join('\n\n');
  return { subject, text: `${text}\n`, html: page({ subject, before, button, after, footer }) };
}

/** Styles stand at the elements, because many mail programs drop a style sheet; colours are the reader's, light or dark. */
function page({ subject, before, button, after, footer }: Draft): string {
  const paragraph = (words: string) => `<p style="margin:0 0 16px">${words}</p>`;
  const action =
    button &&
    `<p style="margin:24px 0"><a href="{{${button.variable}}}" style="display:inline-block;padding:12px 20px;border-radius:8px;background:#1f6b47;color:#ffffff;text-decoration:none;font-weight:600">${button.label}</a></p>
<p style="margin:0 0 16px;font-size:13px;color:#6b7a71;word-break:break-all">{{${button.variable}}}</p>`;
  const small = footer.replace('{{unsubscribe_url}}', '<a href="{{unsubscribe_url}}" style="color:#6b7a71">unsubscribe</a>');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>${subject}</title>
</head>
<body style="margin:0;padding:24px;font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:16px;line-height:1.5">
<div style="max-width:520px;margin:0 auto">
${[...before.map(paragraph), ...(action ? [action] : []), ...after.map(paragraph)].join('\n')}
<hr style="border:0;border-top:1px solid #c9d3cd;margin:32px 0 16px">
<p style="margin:0;font-size:13px;color:#6b7a71">${small}</p>
</div>
</body>
</html>
`;
}
