import type { Mailbox } from '@banyan/platform/config/readers';
import MailComposer from 'nodemailer/lib/mail-composer';
import type { TemplateParts } from '../contract';
import type { Envelope } from './transport';

export interface Letter {
  /** The mail's id: a repeat of it has the same Message-ID, by which mail programs know that they have it already. */
  readonly id: string;
  readonly created_at: string;
  readonly from: Mailbox;
  readonly to: string;
  readonly parts: TemplateParts;
  /** Addresses of the unsubscribe link, for people and for mail programs. */
  readonly unsubscribe?: { readonly inOneClick: string };
}

/** The mail as it goes over the wire. Equal letters become equal bytes. */
export async function compose({ id, created_at, from, to, parts, unsubscribe }: Letter): Promise<{ envelope: Envelope; content: Buffer }> {
  const mail = new MailComposer({
    from,
    to: { name: '', address: to },
    subject: parts.subject,
    text: parts.text,
    html: parts.html,
    messageId: `<${id}@${from.address.split('@')[1]}>`,
    date: new Date(created_at),
    baseBoundary: id,
    headers: {
      // No answers by machines (RFC 3834).
      'Auto-Submitted': 'auto-generated',
      ...(unsubscribe
        ? {
            'List-Unsubscribe': { prepared: true, foldLines: false, value: `<${unsubscribe.inOneClick}>` },
            'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
          }
        : {}),
    },
    disableFileAccess: true,
    disableUrlAccess: true,
  }).compile();
  const { from: sender, to: recipients } = mail.getEnvelope();
  const content = await new Promise<Buffer>((resolve, reject) => mail.build((error, built) => (error ? reject(error) : resolve(built!))));
  return { envelope: { from: String(sender), to: recipients[0] ?? '' }, content };
}
