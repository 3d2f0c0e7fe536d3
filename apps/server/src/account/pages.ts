import { API_PREFIX } from '@banyan/platform/edge/paths';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { script } from './script';
import { style } from './style';

export interface AccountPagesOptions {
  /** What mails call this service. */
  readonly app: string;
  /** Where its web client is, if that is known. */
  readonly appUrl?: string;
}

/** Nothing but this page's own script and style, no frame around it, and its address (which has the token) told to nobody. */
const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** The pages under `/account/` to which the links of mails lead: plain HTML that asks for one press of a button. */
export function mountAccountPages(server: FastifyInstance, options: AccountPagesOptions): void {
  const files: Readonly<Record<string, readonly [type: string, text: string]>> = {
    'verify-email': ['text/html', verifyEmail(options)],
    'reset-password': ['text/html', resetPassword(options)],
    unsubscribe: ['text/html', unsubscribe(options)],
    'style.css': ['text/css', style],
    'script.js': ['text/javascript', script],
  };
  for (const [name, [type, text]] of Object.entries(files)) {
    const handler = (_request: unknown, reply: FastifyReply) => reply.headers(HEADERS).type(`${type}; charset=utf-8`).send(text);
    server.route({ method: ['GET', 'HEAD'], url: `/account/${name}`, handler });
  }
}

const verifyEmail = (options: AccountPagesOptions) =>
  page(options, 'Confirm your e-mail address', [
    view('ask', [
      title('Confirm your e-mail address'),
      '<p>One press, and we know that this address is yours.</p>',
      form('/auth/email/verify', { withToken: true, button: 'Confirm this address' }),
    ]),
    view('done', [title('Thank you'), '<p>Your e-mail address is confirmed.</p>', open(options)]),
    view('without-token', [title('Something is missing'), '<p>Open this page with the link from our mail, as it stands there.</p>']),
  ]);

const resetPassword = (options: AccountPagesOptions) =>
  page(options, 'Choose a new password', [
    view('ask', [
      title('Choose a new password'),
      '<p>Every device that is signed in will have to sign in again.</p>',
      form('/auth/password/reset', {
        withToken: true,
        button: 'Use this password',
        fields: `<label for="password">New password</label>
<input id="password" name="password" type="password" autocomplete="new-password" minlength="8" maxlength="1024" required aria-describedby="rule" autocapitalize="none" spellcheck="false">
<p class="hint" id="rule">At least 8 characters. A few words in a row are easy to keep in mind and hard to guess.</p>
<label class="check"><input type="checkbox"> Show it</label>`,
      }),
    ]),
    view('done', [title('Done'), '<p>Your new password is in force. Sign in with it.</p>', open(options)]),
    view('without-token', [
      title('Forgotten your password?'),
      '<p>We send a link to your address, with which you choose a new one.</p>',
      form('/auth/password/forgot', {
        done: 'asked',
        button: 'Send me the link',
        fields: `<label for="email">E-mail address</label>
<input id="email" name="email" type="email" autocomplete="email" maxlength="254" required>
<p class="hint"></p>`,
      }),
    ]),
    view('asked', [title('Look into your mail'), '<p>If an account uses this address, a mail with a link is on its way to it.</p>']),
  ]);

const unsubscribe = (options: AccountPagesOptions) =>
  page(options, 'Unsubscribe', [
    view('ask', [
      title('No more mails of this kind?'),
      '<p>Mails about the security of an account are sent all the same.</p>',
      form('/notifications/unsubscribe', { withToken: true, button: 'Unsubscribe' }),
    ]),
    view('done', [title('Unsubscribed'), '<p>You will get no more mails of this kind.</p>']),
    view('without-token', [title('Something is missing'), '<p>Open this page with the link from our mail, as it stands there.</p>']),
  ]);

/** All but the first are hidden until the script shows them; without scripts the first one and a sentence about that are seen. */
function page({ app }: AccountPagesOptions, heading: string, views: readonly string[]): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${escaped(heading)} – ${escaped(app)}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/account/style.css">
<script src="/account/script.js" defer></script>
</head>
<body>
<main aria-live="polite">
<p class="app">${escaped(app)}</p>
<noscript><p>This page needs JavaScript: without it, a program that only looks through your mail could press the button.</p></noscript>
${views.join('\n')}
</main>
</body>
</html>
`;
}

const view = (name: string, parts: readonly string[]) =>
  `<section data-view="${name}"${name === 'ask' ? '' : ' hidden'}>\n${parts.join('\n')}\n</section>`;

const title = (words: string) => `<h1 tabindex="-1">${escaped(words)}</h1>`;

const open = ({ app, appUrl }: AccountPagesOptions) =>
  appUrl ? `<a class="button" href="${escaped(appUrl)}">Open ${escaped(app)}</a>` : '';

interface FormOptions {
  readonly button: string;
  readonly fields?: string;
  /** What follows a success. */
  readonly done?: string;
  readonly withToken?: boolean;
}

function form(path: string, { button, fields = '', done = 'done', withToken }: FormOptions): string {
  return `<form method="post" action="${API_PREFIX}${path}" data-done="${done}"${withToken ? ' data-token' : ''}>
${fields}<button>${escaped(button)}</button>
<p role="alert"></p>
</form>`;
}

const escaped = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
