import { once } from 'node:events';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Channel, ChannelModel } from 'amqplib';
import type { Logger } from '../telemetry/log';
import { atMost } from './at-most';

export interface LastingChannelOptions<C extends Channel> {
  readonly create: (connection: ChannelModel) => Promise<C>;
  /** Declare and consume; runs each time the channel was opened, before anybody else gets it. */
  readonly setUp: (channel: C) => Promise<void>;
  /** It is gone, and with it what was not confirmed. */
  readonly onLost?: () => void;
  readonly log: Logger;
}

/** A channel that its server or an operator closes is opened again after this long, then twice as long, and so on up to the last. */
const REOPEN_MS = 100;
const LONGEST_REOPEN_MS = 2_000;
const CLOSE_MS = 2_000;

/**
 * A channel of the process's connection that is opened again whenever it or the connection was lost.
 *
 * Unlike amqp-connection-manager's own wrapper it keeps nothing back for later (a call published after the reconnect would be one its
 * caller has given up), and it also survives an error of the channel alone.
 */
export class LastingChannel<C extends Channel> {
  private channel?: C;
  private isOpening = false;
  private isClosed = false;
  private failures = 0;
  private timer?: NodeJS.Timeout;
  private waiting: (() => void)[] = [];
  private readonly open = () => void this.tryOpen();

  constructor(
    private readonly connection: AmqpConnection,
    private readonly options: LastingChannelOptions<C>,
  ) {
    connection.managedConnection.on('connect', this.open);
    this.open();
  }

  /** The open channel; undefined while there is none. */
  get current(): C | undefined {
    return this.channel;
  }

  /** Resolves when it is open. */
  async ready(): Promise<void> {
    if (!this.channel) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  /** Give up the channel that is open, and open another one: for when its queue or consumer is gone. */
  reopen(): void {
    const { channel } = this;
    if (!channel) return;
    this.lost(channel);
    channel.close().catch(() => undefined);
  }

  /** Close it for good; resolves when the broker has all that was published on it, or cannot have it any more. */
  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.connection.managedConnection.removeListener('connect', this.open);
    const { channel } = this;
    this.channel = undefined;
    // amqplib never ends a close that a lost connection has overtaken.
    if (channel) await atMost(CLOSE_MS, Promise.race([channel.close(), once(channel, 'close')]));
  }

  private async tryOpen(): Promise<void> {
    const { connection } = this.connection.managedConnection;
    if (this.isOpening || this.isClosed || this.channel || !connection) return;
    this.isOpening = true;
    let channel: C | undefined;
    try {
      channel = await this.options.create(connection);
      let isGone = false;
      channel.on('error', (error: Error) => this.options.log.warn({ err: error }, 'a channel was closed by the broker'));
      channel.once('close', () => {
        isGone = true;
        this.lost(channel);
      });
      await this.options.setUp(channel);
      if (isGone || this.isClosed) throw new Error('closed while it was opened');
      this.channel = channel;
      this.failures = 0;
      for (const resolve of this.waiting.splice(0)) resolve();
    } catch (error) {
      if (this.isClosed) await channel?.close().catch(() => undefined);
      else this.options.log.debug({ err: error }, 'a channel could not be opened');
      this.failures++;
    } finally {
      this.isOpening = false;
      if (!this.channel) this.openLater();
    }
  }

  private lost(channel: C | undefined): void {
    if (this.channel !== channel || !channel) return;
    this.channel = undefined;
    this.options.onLost?.();
    this.openLater();
  }

  /** Without a connection nothing is to be done: the next one opens it. */
  private openLater(): void {
    clearTimeout(this.timer);
    if (this.isClosed || !this.connection.managedConnection.isConnected()) return;
    this.timer = setTimeout(this.open, Math.min(REOPEN_MS * 2 ** this.failures, LONGEST_REOPEN_MS)).unref();
  }
}
