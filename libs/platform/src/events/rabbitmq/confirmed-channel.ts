import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { ConfirmChannel, Options } from 'amqplib';
import { BrokerUnavailable, within } from './broker-unavailable';

/** Whether any queue took it. */
export type Routing = 'routed' | 'unroutable';

/**
 * A channel of one's own to publish on, opened when it is needed and anew when it was lost. Unlike the connection's wrapped channels it
 * keeps nothing to send it later: what could not be confirmed in time has failed, and whoever wanted it sent decides what to do.
 */
export class ConfirmedChannel {
  private current: OpenChannel | undefined;
  private opening: Promise<OpenChannel> | undefined;
  private isClosed = false;

  constructor(
    private readonly connection: AmqpConnection,
    /** Runs on each new channel before anything is published. */
    private readonly setUp: (channel: ConfirmChannel) => Promise<void>,
    private readonly timeoutMs = 5_000,
  ) {}

  /** The open channel, if there is one. */
  get usable(): OpenChannel | undefined {
    return this.current?.isUsable === true ? this.current : undefined;
  }

  /** What is published on it goes in the order of the calls. @throws BrokerUnavailable, after `timeoutMs` at the latest */
  async open(): Promise<OpenChannel> {
    if (this.isClosed) throw new BrokerUnavailable('the channel is closed');
    if (this.usable !== undefined) return this.usable;
    // One attempt at a time, however long it takes: a silent broker must not be asked for a channel again and again.
    this.opening ??= this.openAnew().finally(() => (this.opening = undefined));
    return within(this.timeoutMs, this.opening);
  }

  /** @throws BrokerUnavailable */
  async publish(exchange: string, routingKey: string, content: Buffer, options: Options.Publish = {}): Promise<Routing> {
    return (await this.open()).publish(exchange, routingKey, content, options);
  }

  /** The next one is set up again, because something that should exist does not. */
  renew(): void {
    this.current?.abandon();
  }

  /** For good. Wait for what was published first. */
  close(): void {
    this.isClosed = true;
    this.renew();
  }

  private async openAnew(): Promise<OpenChannel> {
    const { connection } = this.connection.managedConnection;
    if (connection === undefined) throw new BrokerUnavailable('there is no connection');
    let open: OpenChannel | undefined;
    try {
      const channel = await connection.createConfirmChannel();
      open = new OpenChannel(channel, this.timeoutMs);
      await this.setUp(channel);
      this.current = open;
      if (this.isClosed) open.abandon();
      return open;
    } catch (error) {
      open?.abandon();
      throw new BrokerUnavailable('no channel could be opened', { cause: error });
    }
  }
}

/** Until its first failure. */
export class OpenChannel {
  isUsable = true;
  private published = 0;
  private readonly returned = new Set<string>();

  constructor(
    private readonly channel: ConfirmChannel,
    private readonly timeoutMs: number,
  ) {
    channel.on('error', () => undefined); // the close that follows says all we need
    channel.once('close', () => (this.isUsable = false));
    // A return comes before its confirm.
    channel.on('return', ({ properties }: { properties: { correlationId: string } }) => this.returned.add(properties.correlationId));
  }

  /** Persistent and mandatory. @throws BrokerUnavailable if it is not confirmed within the channel's timeout */
  publish(exchange: string, routingKey: string, content: Buffer, options: Options.Publish): Promise<Routing> {
    const correlationId = String(++this.published);
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) => {
        clearTimeout(timer);
        reject(new BrokerUnavailable('a message was not confirmed', { cause }));
        this.abandon();
      };
      const timer = setTimeout(() => fail(undefined), this.timeoutMs);
      try {
        this.channel.publish(
          exchange,
          routingKey,
          content,
          { ...options, persistent: true, mandatory: true, correlationId },
          (error: unknown) => {
            if (error) return fail(error);
            clearTimeout(timer);
            resolve(this.returned.delete(correlationId) ? 'unroutable' : 'routed');
          },
        );
      } catch (error) {
        fail(error);
      }
    });
  }

  /** Not waited for: the broker may be silent. */
  abandon(): void {
    if (!this.isUsable) return;
    this.isUsable = false;
    void Promise.resolve()
      .then(() => this.channel.close())
      .catch(() => undefined);
  }
}
