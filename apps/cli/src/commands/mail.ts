import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { domainToASCII } from 'node:url';
import type { Mail } from '@banyan/notification/contract';
import { MailStore } from '@banyan/notification/mail.store';
import { KEPT_FILES } from '@banyan/notification/sending/folder';
import type { Settings } from '@banyan/platform/config/table';
import { Command } from 'commander';
import { settingsHere, withDomainDatabase } from '../databases';
import { type ReadableMail, readMail } from '../eml';
import { print, printJson } from '../terminal';

/** `banyan mail last ada@example.com`: the newest mail to somebody. */
export function mailCommand(): Command {
  return new Command('mail')
    .description('look at what was mailed')
    .helpCommand(false)
    .addCommand(
      new Command('last')
        .description('the newest mail to an address: what it says if no mail server is set, and what became of it')
        .argument('<email>', 'the address')
        .option('--json', 'as JSON: {delivery, mail}, each null if there is none')
        .action(last),
    );
}

async function last(address: string, { json }: { json?: true }): Promise<void> {
  const settings = settingsHere();
  const [mail, delivery] = await Promise.all([newestFile(settings, address), newestDelivery(settings, address)]);
  if (json) return printJson({ delivery: delivery ?? null, mail: mail ?? null });
  if (!mail && !delivery) throw new Error(`No mail to ${address} is known.`);
  if (mail) print(`To: ${mail.to}\nSubject: ${mail.subject}\nDate: ${mail.date}\n\n${mail.text}\n`);
  if (delivery) print(`${mail ? '\n' : ''}${inWords(delivery)}\n`);
}

/** While no server runs, the files are all that can be seen. */
async function newestDelivery(settings: Settings, address: string): Promise<Mail | undefined> {
  try {
    return await withDomainDatabase(settings, 'notification', (database) => new MailStore(database).newestTo(address));
  } catch (error) {
    if (settings.SMTP_URL) throw error;
    return undefined;
  }
}

async function newestFile({ SMTP_URL, DATA_DIR }: Settings, address: string): Promise<ReadableMail | undefined> {
  if (SMTP_URL) return undefined;
  const folder = join(DATA_DIR, 'mail');
  const names = await readdir(folder).catch(() => []);
  const newest = names.filter((name) => name.endsWith('.eml')).sort();
  for (const name of newest.reverse().slice(0, KEPT_FILES)) {
    const mail = readMail(await readFile(join(folder, name), 'utf8'));
    if (plain(mail.to) === plain(address)) return mail;
  }
  return undefined;
}

/** For comparison: in any case, and however the domain is written. */
function plain(address: string): string {
  const at = address.lastIndexOf('@');
  return `${address.slice(0, at)}@${domainToASCII(address.slice(at + 1))}`.toLowerCase();
}

function inWords({ kind, state, attempts, sent_at, created_at, next_attempt_at, reason }: Mail): string {
  const short = (instant: string) => instant.slice(0, 19).replace('T', ' ');
  const when = sent_at ? `${short(sent_at)} UTC` : `asked for ${short(created_at)} UTC`;
  const next = next_attempt_at ? `, next attempt ${short(next_attempt_at)} UTC` : '';
  return `${kind}: ${state} (${when}), ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}${next}${reason ? `. ${reason}` : ''}`;
}
