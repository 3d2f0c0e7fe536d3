import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Delivery, Outcome, Transport } from './transport';

type Options = ConstructorParameters<typeof SMTPConnection>[0];

/** How long a server may say nothing, unless SMTP_URL ends with `?timeout=<seconds>`. */
const USUAL_SILENCE_MS = 60_000;
/** An attempt that lasts longer than so many silences is given up, however much the server talks. */
const SILENCES = 4;

/** How long a process that is being stopped waits for the answer to a content. */
const LAST_ANSWER_MS = 10_000;

/** What nodemailer hangs on its errors. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly command?: string;
  readonly response?: string;
  readonly responseCode?: number;
}

/**
 * A mail server, a connection for each mail. The content is a stream that the connection begins to read when the server has said 354: so
 * it is known, and can be written down, on which side of that moment an attempt ended.
 */
export class SmtpTransport implements Transport {
  private readonly options: Options;
  private readonly auth: { user: string; pass: string } | undefined;
  private readonly silenceMs: number;

  constructor(address: string) {
    const url = new URL(address);
    const secure = url.protocol === 'smtps:';
    const isLoopback = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname);
    this.auth = url.username ? { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) } : undefined;
    this.silenceMs = Number(url.searchParams.get('timeout')) * 1_000 || USUAL_SILENCE_MS;
    this.options = {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port) || (secure ? 465 : 587),
      secure,
      // A password never travels in the clear, but on this machine.
      requireTLS: !secure && this.auth !== undefined && !isLoopback,
      tls: { rejectUnauthorized: !isLoopback },
      connectionTimeout: this.silenceMs,
      greetingTimeout: this.silenceMs,
      socketTimeout: this.silenceMs,
      logger: false,
    };
  }

  async deliver({ envelope, content, beforeContent, signal }: Delivery): Promise<Outcome> {
    const connection = new SMTPConnection(this.options);
    let hasLeft = false;
    const message = new Readable({
      read() {
        beforeContent().then(
          () => {
            hasLeft = true;
            this.push(content);
            this.push(null);
          },
          (error: Error) => this.destroy(error),
        );
      },
    });
    // An answer to the content is waited for a little: giving up leaves everybody in doubt.
    const giveUp = () => void setTimeout(() => connection.close(), hasLeft ? LAST_ANSWER_MS : 0).unref();
    signal.addEventListener('abort', giveUp);
    const limit = setTimeout(() => connection.close(), SILENCES * this.silenceMs);
    try {
      await this.talk(connection, envelope, message);
      return { kind: 'accepted' };
    } catch (error) {
      return outcomeOf(error as SmtpError, hasLeft);
    } finally {
      clearTimeout(limit);
      signal.removeEventListener('abort', giveUp);
      connection.close();
    }
  }

  /** The whole conversation. A connection that is closed under it fails it, at whatever step. */
  private talk(connection: SMTPConnection, envelope: Delivery['envelope'], message: Readable): Promise<void> {
    return new Promise((resolve, reject) => {
      connection.once('error', reject);
      connection.once('end', () => reject(Object.assign(new Error('the connection ended'), { code: 'ECONNECTION' })));
      const send = () =>
        connection.send({ from: envelope.from, to: [envelope.to] }, message, (error) => (error ? reject(error) : resolve()));
      connection.connect((error?: unknown) => {
        if (error) return reject(error as Error);
        if (!this.auth) return send();
        connection.login(this.auth, (refused) => (refused ? reject(refused) : send()));
      });
    });
  }
}

/** Steps of the conversation that are about this very mail; a refusal before them says nothing about it. */
const ABOUT_THE_MAIL = ['MAIL FROM', 'RCPT TO', 'DATA'];

function outcomeOf({ code, command = '', response, responseCode, message }: SmtpError, hasLeft: boolean): Outcome {
  const reason = oneLine(response ?? `${code ?? 'error'}: ${message}`);
  if (responseCode !== undefined && ABOUT_THE_MAIL.includes(command)) {
    if (responseCode < 500) return { kind: 'not_now', reason };
    return { kind: 'refused', state: isRecipientsFault(command, reason) ? 'bounced' : 'failed', reason };
  }
  // An answer to the content that is no answer to it, such as 421 from a server that is being stopped, leaves it undone, too.
  if (hasLeft && responseCode === undefined) return { kind: 'unknown', reason };
  // Not even asked: nodemailer knows that this is no address, or that the mail is larger than the server said it takes.
  if (responseCode === undefined && (code === 'EENVELOPE' || code === 'EMESSAGE')) return { kind: 'refused', state: 'failed', reason };
  return { kind: 'not_now', reason };
}

/** By the extended code if there is one (RFC 3463: 1 is addressing, 2 the mailbox), else by the old ones for a mailbox. */
function isRecipientsFault(command: string, response: string): boolean {
  const [, subject] = /^\d{3}[ -]5\.(\d{1,3})\.\d{1,3}\b/.exec(response) ?? [];
  if (subject !== undefined) return subject === '1' || subject === '2';
  return command === 'RCPT TO' && /^55[0-3]/.test(response);
}

const oneLine = (text: string): string =>
  text
    .replace(/[\p{Cc}\s]+/gu, ' ')
    .trim()
    .slice(0, 300)
    .toWellFormed();
