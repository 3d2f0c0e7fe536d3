import type { AddressInfo, Socket } from 'node:net';
import { type ParsedMail, simpleParser } from 'mailparser';
import { SMTPServer, type SMTPServerSession } from 'smtp-server';
import { until } from './until';

/** Where in a conversation something happens; `content`: when the whole mail has arrived. */
export type Step = 'connect' | 'mail' | 'rcpt' | 'content';

/**
 * A refusal with these words, silence, an end of the connection, or (of content) taking the mail and ending before the answer; a promise:
 * taking it when that is fulfilled.
 */
export type Behaviour = { readonly code: number; readonly text: string } | 'stall' | 'drop' | 'lose answer' | Promise<void>;

export interface ReceivedMail extends ParsedMail {
  readonly envelope: { readonly from: string; readonly to: readonly string[] };
  readonly raw: string;
}

/** A real SMTP server, which takes every mail unless a test has told it otherwise. */
export class MailServer {
  readonly received: ReceivedMail[] = [];
  /** Those whose content came whole, taken or not. */
  readonly arrived: ReceivedMail[] = [];
  /** How many conversations were begun. */
  connections = 0;
  private readonly planned: Record<Step, Behaviour[]> = { connect: [], mail: [], rcpt: [], content: [] };
  private server!: SMTPServer;
  private port = 0;
  private readonly credentials: { user: string; pass: string } | undefined;

  private constructor(credentials?: { user: string; pass: string }) {
    this.credentials = credentials;
  }

  static async start(credentials?: { user: string; pass: string }): Promise<MailServer> {
    const server = new MailServer(credentials);
    await server.listen();
    return server;
  }

  /** Whoever uses it gives up after a second of silence. */
  get url(): string {
    return this.urlWith(1);
  }

  urlWith(timeoutSeconds: number): string {
    const login = this.credentials ? `${this.credentials.user}:${encodeURIComponent(this.credentials.pass)}@` : '';
    return `smtp://${login}127.0.0.1:${this.port}?timeout=${timeoutSeconds}`;
  }

  /** At the next occasions of this step. */
  plan(step: Step, ...behaviours: Behaviour[]): void {
    this.planned[step].push(...behaviours);
  }

  forget(): void {
    for (const step of Object.values(this.planned)) step.length = 0;
    this.received.length = 0;
    this.arrived.length = 0;
  }

  to(address: string): ReceivedMail[] {
    return this.received.filter(({ envelope }) => envelope.to.some((to) => to.toLowerCase() === address.toLowerCase()));
  }

  /** Resolves when one to this address, of which `question` holds, is there. */
  mailTo(address: string, question: (mail: ReceivedMail) => boolean = () => true): Promise<ReceivedMail> {
    return until(async () => this.to(address).find(question));
  }

  /** Nobody answers at its address any more. */
  async stop(): Promise<void> {
    for (const connection of this.open()) connection._socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  async startAgain(): Promise<void> {
    await this.listen(this.port);
  }

  private async listen(port = 0): Promise<void> {
    const { credentials } = this;
    this.server = new SMTPServer({
      logger: false, // says also that it knows that its certificate is everybody's
      authOptional: !credentials,
      allowInsecureAuth: true,
      disabledCommands: credentials ? [] : ['AUTH'],
      onAuth: ({ username, password }, _session, callback) =>
        username === credentials?.user && password === credentials?.pass
          ? callback(null, { user: username })
          : callback(new Error('Invalid username or password')),
      onConnect: (session, callback) => {
        this.connections++;
        this.act('connect', session, callback);
      },
      onMailFrom: (_address, session, callback) => this.act('mail', session, callback),
      onRcptTo: (_address, session, callback) => this.act('rcpt', session, callback),
      onData: (stream, session, callback) => void this.take(stream, session, callback),
    });
    this.server.on('error', () => undefined);
    await new Promise<void>((resolve) => this.server.listen(port, '127.0.0.1', () => resolve()));
    this.port = (this.server.server.address() as AddressInfo).port;
  }

  private act(step: Step, session: SMTPServerSession, callback: (error?: Error | null) => void, take?: () => void): void {
    const behaviour = this.planned[step].shift();
    if (behaviour instanceof Promise) {
      void behaviour.then(() => {
        take?.();
        callback();
      });
      return;
    }
    if (behaviour === undefined || behaviour === 'lose answer') take?.();
    if (behaviour === undefined) return callback();
    if (behaviour === 'stall') return;
    if (behaviour === 'drop' || behaviour === 'lose answer') return void this.drop(session);
    callback(Object.assign(new Error(behaviour.text), { responseCode: behaviour.code }));
  }

  private async take(stream: AsyncIterable<Buffer>, session: SMTPServerSession, callback: (error?: Error | null) => void): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of stream) chunks.push(chunk);
    } catch (error) {
      return callback(error as Error); // its sender has gone away
    }
    const content = Buffer.concat(chunks);
    const { mailFrom, rcptTo } = session.envelope;
    const envelope = { from: mailFrom ? mailFrom.address : '', to: rcptTo.map(({ address }) => address) };
    const mail = { ...(await simpleParser(content)), envelope, raw: content.toString() };
    this.arrived.push(mail);
    this.act('content', session, callback, () => this.received.push(mail));
  }

  private drop(session: SMTPServerSession): void {
    for (const connection of this.open()) if (connection.session.id === session.id) connection._socket.destroy();
  }

  private open(): { readonly session: { readonly id: string }; readonly _socket: Socket }[] {
    return [...(this.server as unknown as { connections: Set<{ session: { id: string }; _socket: Socket }> }).connections];
  }
}
