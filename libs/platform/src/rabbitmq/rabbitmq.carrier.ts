import type { KeyObject } from 'node:crypto';
import type { AmqpConnection } from '@golevelup/nestjs-rabbitmq';
import type { Channel, ConsumeMessage, Message } from 'amqplib';
import { type Actor, type CallContext, DomainError, Internal, type Operation } from '../contract';
import { ANSWER_GRACE_MS, type Attempt, type Carrier, type RemoteCarrier } from '../dispatch/carrier';
import { AttemptTimedOut, NobodyLeft, Unserved } from '../dispatch/outcome';
import type { Instance, InstanceDirectory } from '../host/instances';
import type { Logger } from '../telemetry/log';
import { Alarm } from './alarm';
import { type AnswerBatch, type AnswerEnvelope, type CallEnvelope, carrierKey, seal, unseal, VERSION } from './envelope';
import { LastingChannel } from './lasting-channel';
import { type Outgoing, Peer, type PendingCall } from './peer';
import { afterConsequences, TurnBatch } from './turn-batch';

export interface RabbitCarrierOptions {
  readonly connection: AmqpConnection;
  readonly directory: InstanceDirectory;
  /** CARRIER_KEY: signs every message between processes. */
  readonly key: string;
  readonly log: Logger;
  /** Beyond these a call is refused: the broker or everybody behind it does not keep up. */
  readonly maxPending?: number;
  readonly maxPendingBytes?: number;
}

/** A peer that owes an answer for this long is asked for: an empty message that comes back says that its queue, and so it, is gone. */
const PROBE_AFTER_MS = 250;
/** A broker that has not sent back so many pings, one after each time that we looked, is taken for gone. */
const MAX_PINGS = 3;
/** What a peer has answered or refused before its end may still be on its way to us when we hear of that. */
const LOST_GRACE_MS = 200;
const FORGET_PEER_MS = 60_000;
/** The peer is well and does not want this call: no sign of a fault. */
const REFUSALS: ReadonlySet<string> = new Set(['draining', 'expired', 'overloaded', 'incompatible', 'unknown_operation']);

/**
 * Takes calls to other processes over RabbitMQ: from the less loaded of two random instances back to one exclusive queue of this
 * process. Calls made to one instance within one turn of the event loop share a message. Nothing is kept for later: without a broker
 * a call is refused at once.
 */
export class RabbitCarrier implements RemoteCarrier {
  private readonly channel: LastingChannel<Channel>;
  private readonly peers = new Map<string, Peer>();
  private readonly carriers: Readonly<Record<'worker' | 'host', Carrier>>;
  private readonly maxPending: number;
  private readonly maxPendingBytes: number;
  private readonly counted = new Map<string, number>();
  private readonly sweep: NodeJS.Timeout;
  private readonly alarm = new Alarm((now) => this.failExpired(now));
  private readonly key: KeyObject;
  private replyQueue = '';
  private isBlocked = false;
  /** Pings to ourselves since the broker last sent anything. */
  private pings = 0;
  private lastId = 0;
  /** Never begins again at one: receivers refuse a number they have passed. */
  private lastBatch = 0;
  private pending = 0;
  private pendingBytes = 0;

  constructor(private readonly options: RabbitCarrierOptions) {
    const { connection, log, maxPending = 10_000, maxPendingBytes = 64 * 1024 * 1024 } = options;
    this.key = carrierKey(options.key);
    this.maxPending = maxPending;
    this.maxPendingBytes = maxPendingBytes;
    this.carriers = { worker: this.carrierTo('worker'), host: this.carrierTo('host') };
    // The broker stops reading from us when it is short of memory or disk: calls would wait in the socket until nobody wants them.
    connection.managedConnection.on('blocked', this.onBlocked).on('unblocked', this.onUnblocked).on('disconnect', this.onUnblocked);
    this.channel = new LastingChannel(connection, {
      // No confirms: an unroutable message comes back without them, and a lost one is one more answer that does not come.
      create: (model) => model.createChannel(),
      setUp: (channel) => this.listen(channel),
      onLost: () => this.failAll('connection_lost'),
      log,
    });
    this.sweep = setInterval(() => this.probe(), PROBE_AFTER_MS).unref();
  }

  to(kind: 'worker' | 'host'): Carrier {
    return this.carriers[kind];
  }

  /** Resolves when the broker is there. Nobody needs to wait for it. */
  ready(): Promise<void> {
    return this.channel.ready();
  }

  /** How often what has happened: `sent` messages, and `returned`, `lost`, `late`, `forged` and refused calls. For metrics. */
  get counts(): ReadonlyMap<string, number> {
    return this.counted;
  }

  /** Calls that wait for an answer. */
  get inFlight(): number {
    return this.pending;
  }

  async close(): Promise<void> {
    clearInterval(this.sweep);
    const { managedConnection } = this.options.connection;
    managedConnection.removeListener('blocked', this.onBlocked);
    managedConnection.removeListener('unblocked', this.onUnblocked);
    managedConnection.removeListener('disconnect', this.onUnblocked);
    await this.channel.close();
    this.failAll('closed');
    this.alarm.stop();
  }

  private readonly onBlocked = () => void (this.isBlocked = true);
  private readonly onUnblocked = () => void (this.isBlocked = false);

  private carrierTo(kind: 'worker' | 'host'): Carrier {
    return {
      name: `rabbitmq to ${kind}s`,
      call: (operation, input, context, attempt) => this.call(kind, operation, input, context, attempt),
    };
  }

  private call(
    kind: 'worker' | 'host',
    operation: Operation,
    input: unknown,
    { actor, key, deadline, depth, trace, address, device, agent }: CallContext<Actor>,
    { number = 1, tried, signal }: Partial<Attempt> = {},
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const { name } = operation;
      if (!this.channel.current || this.isBlocked || this.pings > MAX_PINGS) throw this.refusal(name, 'no_broker');
      if (signal?.aborted) throw this.refusal(name, 'aborted');
      if (deadline <= Date.now()) throw this.refusal(name, 'expired');
      const peer = this.pick(operation, kind, tried);
      const id = ++this.lastId;
      // Each key by name: spreading the context makes an object that takes three times as long to encode.
      const call: CallEnvelope = {
        id,
        operation: name,
        attempt: number,
        actor,
        key,
        deadline,
        depth,
        trace,
        address,
        device,
        agent,
        input,
      };
      const json = JSON.stringify(call);
      if (this.pending >= this.maxPending || this.pendingBytes + json.length > this.maxPendingBytes) throw this.refusal(name, 'overloaded');
      tried?.add(peer.instance.id);
      const onAbort = signal && (() => this.abort(peer, id));
      if (onAbort) signal.addEventListener('abort', onAbort, { once: true });
      const breaker = peer.breaker(operation.domain);
      breaker.begin();
      const since = performance.now();
      const answerBy = deadline + ANSWER_GRACE_MS;
      peer.calls.set(id, { resolve, reject, operation: name, breaker, bytes: json.length, answerBy, since, signal, onAbort });
      peer.lastUsed = since;
      this.pending++;
      this.pendingBytes += json.length;
      this.alarm.setFor(answerBy);
      peer.outgoing.add({ id, json });
    });
  }

  /** The less loaded of two (Mitzenmacher, The Power of Two Choices). @throws NobodyLeft */
  private pick(operation: Operation, kind: 'worker' | 'host', tried: ReadonlySet<string> | undefined): Peer {
    const able: Peer[] = [];
    for (const instance of this.options.directory.candidates(operation, kind)) {
      if (tried?.has(instance.id)) continue;
      const peer = this.peerFor(instance);
      if (peer.breaker(operation.domain).allows) able.push(peer);
    }
    if (able.length === 0) throw new NobodyLeft(operation.name);
    if (able.length === 1) return able[0]!;
    const first = Math.floor(Math.random() * able.length);
    const other = (first + 1 + Math.floor(Math.random() * (able.length - 1))) % able.length;
    return able[first]!.load <= able[other]!.load ? able[first]! : able[other]!;
  }

  /** By queue: a process that has lost its connection comes back with another one. */
  private peerFor(instance: Instance): Peer {
    const known = this.peers.get(instance.queue);
    if (known) return known;
    const made = new Peer(instance, (peer) => new TurnBatch<Outgoing>((items) => this.send(peer, items)));
    this.peers.set(instance.queue, made);
    return made;
  }

  private send(peer: Peer, items: readonly Outgoing[]): void {
    const channel = this.channel.current;
    // Those that have ended since need not travel. (Without a channel all have: they failed with it.)
    const calls = items.filter(({ id, isAbort }) => isAbort || peer.calls.has(id));
    if (!channel || calls.length === 0) return;
    const n = ++this.lastBatch;
    const direction = { audience: peer.instance.queue, sender: this.replyQueue };
    const body = `{"v":${VERSION},"n":${n},"calls":[${calls.map(({ json }) => json).join(',')}]}`;
    for (const { id } of calls) {
      const call = peer.calls.get(id);
      if (call) call.batch = n;
    }
    this.count('sent');
    const properties = { mandatory: true, replyTo: this.replyQueue, correlationId: String(n) };
    channel.publish('', peer.instance.queue, seal(this.key, direction, body), properties);
  }

  private async listen(channel: Channel): Promise<void> {
    // Named by the broker: nobody waits until it has noticed that a lost connection's queue is free again.
    const { queue } = await channel.assertQueue('', { exclusive: true });
    channel.on('return', (message: Message) => this.onReturned(message));
    await channel.consume(queue, (message) => (message ? this.onAnswers(queue, message) : this.channel.reopen()), {
      noAck: true,
    });
    this.replyQueue = queue;
    this.pings = 0;
    this.peers.clear(); // they know us by our queue and count from one
  }

  private onAnswers(queue: string, { content, properties }: ConsumeMessage): void {
    this.pings = 0;
    if (properties.type === 'probe') return;
    const sender = String(properties.replyTo);
    const batch = unseal(this.key, { audience: queue, sender }, content) as AnswerBatch | undefined;
    if (!batch) {
      this.count('forged');
      this.options.log.warn({ sender, bytes: content.length }, 'refused answers that no process of ours has signed');
      return;
    }
    const peer = this.peers.get(sender);
    for (const answer of batch.answers) this.onAnswer(peer, answer);
    afterConsequences(this.flush);
  }

  private readonly flush = () => {
    for (const { outgoing } of this.peers.values()) outgoing.flush();
  };

  private onAnswer(peer: Peer | undefined, answer: AnswerEnvelope): void {
    const call = peer?.calls.get(answer.id);
    if (!peer || !call) return this.count('late'); // or a second one
    if ('error' in answer) {
      const { code, status, detail, extra, retryAfterSeconds } = answer.error;
      const error = new DomainError(code, status, detail, extra, retryAfterSeconds);
      return this.fail(peer, answer.id, error, code === Internal.code ? 'bad' : 'good');
    }
    if ('reason' in answer) {
      const { id, executed, reason } = answer;
      this.count(reason);
      if (reason === 'draining') this.options.directory.suspect(peer.instance.id);
      return this.fail(peer, id, this.unserved(peer, id, executed, reason), REFUSALS.has(reason) ? 'neutral' : 'bad');
    }
    this.settle(peer, answer.id, 'good')?.resolve(answer.output);
  }

  /** The broker has no such queue (any more): these were not executed, and from the others no answer will come. */
  private onReturned({ fields, properties }: Message): void {
    this.pings = 0;
    const peer = this.peers.get(fields.routingKey);
    if (!peer) return;
    this.options.directory.suspect(peer.instance.id);
    const batch = Number(properties.correlationId);
    const lost: number[] = [];
    for (const [id, call] of peer.calls) {
      if (call.batch !== batch) {
        if (call.batch !== undefined) lost.push(id);
        continue;
      }
      this.count('returned');
      this.fail(peer, id, this.unserved(peer, id, 'no', 'returned'), 'neutral');
    }
    if (lost.length === 0) return;
    setTimeout(() => {
      for (const id of lost) {
        if (!peer.calls.has(id)) continue;
        this.count('lost');
        this.fail(peer, id, this.unserved(peer, id, 'maybe', 'instance_lost'), 'bad');
      }
    }, LOST_GRACE_MS);
  }

  /** Ask for peers that owe answers for long, and for the broker if there are any: a frozen one keeps its connections. */
  private probe(): void {
    const now = performance.now();
    let isOwed = this.pings > 0;
    for (const [queue, { calls, lastUsed }] of this.peers) {
      const [oldest] = calls.values();
      if (oldest && now - oldest.since > PROBE_AFTER_MS) {
        this.publishProbe(queue);
        isOwed = true;
      } else if (!oldest && now - lastUsed > FORGET_PEER_MS) this.peers.delete(queue);
    }
    if (!isOwed) return;
    this.publishProbe(this.replyQueue);
    this.pings++;
  }

  private publishProbe(queue: string): void {
    this.channel.current?.publish('', queue, Buffer.alloc(0), { mandatory: true, type: 'probe', expiration: 0 });
  }

  /** @returns when the next call is out of time */
  private failExpired(now: number): number {
    let next = Infinity;
    for (const peer of this.peers.values()) {
      for (const [id, { operation, answerBy }] of peer.calls) {
        if (answerBy <= now) this.fail(peer, id, new AttemptTimedOut(operation), 'bad');
        else next = Math.min(next, answerBy);
      }
    }
    return next;
  }

  private abort(peer: Peer, id: number): void {
    const call = peer.calls.get(id);
    if (!call) return;
    this.fail(peer, id, new Unserved(call.operation, call.batch === undefined ? 'no' : 'maybe', 'aborted'), 'neutral');
    if (call.batch !== undefined) peer.outgoing.add({ id, isAbort: true, json: JSON.stringify({ id, abort: true }) });
  }

  private failAll(reason: string): void {
    for (const peer of this.peers.values()) {
      for (const [id, { batch }] of peer.calls) {
        this.count('lost');
        this.fail(peer, id, this.unserved(peer, id, batch === undefined ? 'no' : 'maybe', reason), 'neutral');
      }
    }
  }

  private fail(peer: Peer, id: number, error: Error, outcome: 'good' | 'bad' | 'neutral'): void {
    this.settle(peer, id, outcome)?.reject(error);
  }

  private settle(peer: Peer, id: number, outcome: 'good' | 'bad' | 'neutral'): PendingCall | undefined {
    const call = peer.calls.get(id);
    if (!call) return undefined;
    peer.calls.delete(id);
    this.pending--;
    this.pendingBytes -= call.bytes;
    if (call.onAbort) call.signal?.removeEventListener('abort', call.onAbort);
    call.breaker.end(outcome);
    return call;
  }

  private unserved(peer: Peer, id: number, executed: 'no' | 'maybe', reason: string): Unserved {
    return new Unserved(peer.calls.get(id)?.operation ?? '', executed, reason);
  }

  private refusal(operation: string, reason: string): Unserved {
    this.count(reason);
    return new Unserved(operation, 'no', reason);
  }

  private count(what: string, by = 1): void {
    this.counted.set(what, (this.counted.get(what) ?? 0) + by);
  }
}
