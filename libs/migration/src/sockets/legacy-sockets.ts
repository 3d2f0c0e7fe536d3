import { randomUUID } from 'node:crypto';
import { domainNames, type DomainName } from '@banyan/domains';
import { ALL, type Routes } from '@banyan/platform/dispatch/routes';
import { Client } from '@banyan/platform/dispatch/client';
import type { ClientOf } from '@banyan/platform/contract';
import { asUser } from '@banyan/platform/dispatch/context';
import type { Opening } from '@banyan/platform/nest/opening';
import { InjectLog } from '@banyan/platform/nest/inject';
import type { Logger } from '@banyan/platform/telemetry/log';
import { relayContract } from '@banyan/relay/contract';
import { Audience } from '@banyan/websocket/audience';
import type { ClientSocket } from '@banyan/websocket/client-socket';
import { Connections } from '@banyan/websocket/connections';
import type { Frame } from '@banyan/websocket/contract';
import { Presence } from '@banyan/websocket/presence';
import type { Upstreams } from '@banyan/websocket/upstreams';
import { WebsocketService } from '@banyan/websocket/websocket.service';
import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { type Dialer, targetOf } from './dialer';
import { LegacyPresence } from './legacy-presence';
import { readSaid, typeAsked, typeOf } from './said';
import type { StoredMessages } from './stored-messages';
import { Upstream } from './upstream';

/** Whose work a client's frame is; of any other, of the sockets themselves. */
const DOMAIN_OF: ReadonlyMap<string, DomainName> = new Map([
  ['message', 'message'],
  ['delivery_confirmation', 'message'],
  ['read_confirmation', 'message'],
  ['group_message', 'group'],
  ['contact_added', 'user'],
]);
const WITH_FRAMES: readonly DomainName[] = [...new Set<DomainName>([...DOMAIN_OF.values(), 'websocket'])];

/** What was asked of the monolith before a move is still pushed by it afterwards. */
const LINGER_MS = 10_000;
const SWEEP_MS = 10_000;

export const LEGACY_SOCKETS = Symbol('legacy sockets');

export interface LegacySocketsParts {
  readonly routes: Routes;
  readonly dialer: Dialer;
  readonly stored: StoredMessages;
}

interface Attached {
  readonly upstream: Upstream;
  readonly joined: Promise<void>;
  /** The next greeting of the monolith is the client's. */
  isGreetedThere: boolean;
}

/**
 * The sockets of this process at the monolith: one for each client's, as long as any domain has a part of its work there. What a client says
 * goes to whoever has that work at that moment; what both say to him comes on his one socket, and no move or restart of the monolith closes it
 * (docs/adr/0070-one-socket-two-servers.md).
 */
@Injectable()
export class LegacySockets implements Upstreams, OnApplicationBootstrap, OnModuleDestroy {
  private readonly attached = new Map<ClientSocket, Attached>();
  private readonly there: LegacyPresence;
  private stopFollowing: (() => void) | undefined;
  private sweeping: NodeJS.Timeout | undefined;
  private closing: NodeJS.Timeout | undefined;
  private isNeeded: boolean;

  constructor(
    @Inject(LEGACY_SOCKETS) private readonly parts: LegacySocketsParts,
    private readonly audience: Audience,
    private readonly presence: Presence,
    private readonly sockets: WebsocketService,
    connections: Connections,
    @Client(relayContract) private readonly relay: ClientOf<typeof relayContract>,
    @InjectLog() private readonly log: Logger,
  ) {
    this.there = new LegacyPresence({ audience, connections, presence, legacysOwn: (isOnline) => this.legacysOwn(isOnline), log });
    this.isNeeded = this.isAnyThere();
  }

  onApplicationBootstrap(): void {
    this.stopFollowing = this.parts.routes.onChange(() => this.follow());
    this.sweeping = setInterval(() => this.sweep(), SWEEP_MS).unref();
    this.follow();
  }

  onModuleDestroy(): void {
    this.stopFollowing?.();
    clearInterval(this.sweeping);
    clearTimeout(this.closing);
    this.there.stop();
    for (const { upstream } of this.attached.values()) upstream.end();
  }

  /** Of open ones. */
  get count(): number {
    let open = 0;
    for (const { upstream } of this.attached.values()) if (upstream.isOpen) open++;
    return open;
  }

  get tellsPresence(): boolean {
    return this.parts.routes.weights('websocket').legacy === ALL;
  }

  attach(client: ClientSocket, opening: Opening, joined: Promise<void>): boolean {
    const { request, address, upstream: accepted } = opening;
    const target = targetOf(request, { for: address, proto: 'http', host: request.headers.host ?? '' });
    const upstream = new Upstream({
      dial: () => this.parts.dialer.dial(target),
      hear: (text) => this.hear(client, text),
      lost: () => this.there.lose(client),
      closed: (code, reason) => this.closed(client, code, reason),
    });
    this.attached.set(client, { upstream, joined, isGreetedThere: accepted !== undefined });
    client.isElsewhere = (userId) => !this.tellsPresence && this.there.has(userId);
    opening.divert = (text) => this.divert(client, upstream, text);
    if (accepted || this.isNeeded) upstream.want(accepted);
    return accepted !== undefined;
  }

  detach(client: ClientSocket): void {
    this.attached.get(client)?.upstream.end();
    this.attached.delete(client);
    this.there.lose(client);
  }

  isOnline(userId: string): boolean {
    return this.there.has(userId);
  }

  private async divert(client: ClientSocket, upstream: Upstream, text: string): Promise<boolean> {
    if (!this.isNeeded) return false;
    const type = typeAsked(text);
    // What is no frame to us may be any to the monolith: it gets it where it would get them all.
    const domains = type === undefined ? WITH_FRAMES : [DOMAIN_OF.get(type) ?? 'websocket'];
    if (domains.every((domain) => this.parts.routes.home(domain, client.userId) === 'legacy')) {
      if (!(await upstream.send(text)))
        this.log.warn({ type: type?.slice(0, 50) }, 'a frame for the monolith is dropped: it was away for too long');
      return true;
    }
    return type === 'typing' && upstream.isOpen && (await this.typesThere(client, text)) && upstream.send(text);
  }

  /** To somebody who has sockets only there. Whether he may is judged here. */
  private async typesThere(client: ClientSocket, text: string): Promise<boolean> {
    try {
      const { payload } = JSON.parse(text) as { payload?: { recipient_id?: unknown } };
      const recipient = payload?.recipient_id;
      if (typeof recipient !== 'string' || !this.there.has(recipient) || (await this.presence.isOnline(recipient))) return false;
      return await asUser(client.user, { key: randomUUID() }, () => this.audience.mayType(client.userId, recipient));
    } catch {
      return false; // what is no frame of ours is none there either
    }
  }

  private async hear(client: ClientSocket, text: string): Promise<void> {
    const type = typeOf(text);
    const isPresence = type === 'user_online' || type === 'user_offline';
    if (isPresence && !this.tellsPresence && !this.there.isEar(client)) return; // all of them hear it
    const frame = readSaid(text);
    if (isPresence) {
      this.there.hear(client, frame);
      if (!this.tellsPresence) return;
    }
    if (type === 'connection_established') {
      this.there.list(client, frame.body);
      const own = this.attached.get(client);
      if (!own?.isGreetedThere) return;
      own.isGreetedThere = false;
      await own.joined;
      await this.showQueue(client);
    }
    if (await this.parts.stored.allows(frame)) await client.pass(frame, text);
  }

  /** Our part of it, behind the monolith's: both come before the greeting. */
  private async showQueue(client: ClientSocket): Promise<void> {
    if (this.parts.routes.weights('relay').legacy === ALL) return;
    try {
      const { messages } = await asUser(client.user, { key: randomUUID() }, () => this.relay.queue({}));
      for (const data of messages) {
        const frame: Frame = { type: 'relay_message', id: data.id, body: { data } };
        if (!(await client.pass(frame))) return;
      }
    } catch (error) {
      this.log.warn({ err: error }, 'greeted without our part of the queue');
      this.sockets.owe(client.userId);
    }
  }

  /** @returns whether the client's socket goes with it */
  private closed(client: ClientSocket, code: number, reason: string): boolean {
    if (this.parts.routes.home('websocket', client.userId) !== 'legacy') return false;
    client.closeWith(code, reason);
    return true;
  }

  private *legacysOwn(isOnline: boolean): Iterable<ClientSocket> {
    const { routes } = this.parts;
    if (routes.weights('websocket').legacy === 0 || (isOnline && this.tellsPresence)) return;
    for (const client of this.attached.keys()) if (routes.home('websocket', client.userId) === 'legacy') yield client;
  }

  private isAnyThere(): boolean {
    return domainNames.some((domain) => this.parts.routes.weights(domain).legacy > 0);
  }

  private follow(): void {
    const isNeeded = this.isAnyThere();
    if (isNeeded === this.isNeeded) return;
    this.isNeeded = isNeeded;
    clearTimeout(this.closing);
    if (isNeeded) for (const { upstream } of this.attached.values()) upstream.want();
    else
      this.closing = setTimeout(() => {
        for (const { upstream } of this.attached.values()) upstream.end();
      }, LINGER_MS).unref();
  }

  private sweep(): void {
    const now = performance.now();
    for (const { upstream } of this.attached.values()) upstream.endIfSilent(now);
  }
}
