import { setTimeout as pause } from 'node:timers/promises';
import { Database } from '@banyan/platform/database/database';
import { DatabaseUnavailable } from '@banyan/platform/database/errors';
import { asSystem } from '@banyan/platform/dispatch/context';
import { Lease } from '@banyan/platform/events/lease';
import { LeasedLoop } from '@banyan/platform/events/leased-loop';
import { errorName } from '@banyan/platform/events/redeliveries';
import type { Mailbox } from '@banyan/platform/config/readers';
import type { Logger } from '@banyan/platform/telemetry/log';
import type { BeforeApplicationShutdown, OnApplicationBootstrap } from '@nestjs/common';
import type { MailState } from '../contract';
import type { Contents } from '../content';
import type { Links } from '../links';
import { kinds } from '../kinds';
import { type DueMail, MailStore } from '../mail.store';
import type { TemplateService } from '../template.service';
import { render } from '../templates/render';
import type { WishService } from '../wish.service';
import { compose } from './compose';
import type { Envelope, Outcome, Transport } from './transport';

/** Mails on their way at the same time. */
const LANES = 8;
const DAY_MS = 24 * 3_600_000;
/** Then nobody waits for it any more. */
const GIVE_UP_MS = 3 * DAY_MS;
const KEEP_DAYS = 365;
const FIRST_DELAY_MS = 2_000;
const MAX_DELAY_MS = 10 * 60_000;
const SWEEP_MS = 3_600_000;
const REMIND_MS = 500;
/** To ask other domains for what a mail contains. */
const CONTENT_TIMEOUT_MS = 10_000;

export interface SenderParts {
  readonly database: Database;
  readonly store: MailStore;
  readonly contents: Contents;
  readonly templates: TemplateService;
  readonly wishes: WishService;
  readonly transport: Transport;
  readonly links: Links;
  readonly from: Mailbox;
  readonly log: Logger;
  /** Whether this process is at a home of the domain now: where mail is sent is where its work is done. */
  readonly isAtWork: () => boolean;
}

/** A lease that only those ask for who are at work. */
class WorkersLease extends Lease {
  constructor(
    database: Database,
    private readonly isAtWork: () => boolean,
  ) {
    super(database, 'mail');
  }

  override async take(): Promise<boolean> {
    if (this.isAtWork()) return super.take();
    await this.release();
    return false;
  }
}

/** Somebody else sends it, or nobody. */
class NotOurs extends Error {}

/**
 * Sends what is queued: one process at a time, a few mails at once. A mail is marked, and that committed, before its content leaves; so
 * after any crash it is known which ones the mail server may have (docs/adr/0044-mail-once.md).
 */
export class Sender implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly lease: Lease;
  private readonly loop: LeasedLoop;
  private readonly stopping = new AbortController();
  private readonly underway = new Map<string, Promise<void>>();
  private sweptAt = -Infinity;

  constructor(private readonly parts: SenderParts) {
    this.lease = new WorkersLease(parts.database, parts.isAtWork);
    this.loop = new LeasedLoop(this.lease, (isSweep) => this.sendDue(isSweep));
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await Promise.all([this.loop.stop(), ...this.underway.values()]);
  }

  /** Something was queued: do not wait for the next look. */
  wake(): void {
    this.loop.wake();
  }

  /** Starts what is due as far as lanes are free; a mail server that is slow with one mail holds up no other. */
  private async sendDue(isSweep: boolean): Promise<void> {
    const { store } = this.parts;
    const { epoch, job } = this.lease;
    if (isSweep) {
      await store.recover({ job, epoch }, [...this.underway.keys()]);
      await this.sweep();
    }
    const free = LANES - this.underway.size;
    const due = free > 0 ? await store.due(free, [...this.underway.keys()]) : [];
    if (!this.lease.isHeld || this.loop.isStopping) return;
    for (const mail of due) this.underway.set(mail.id, this.attempt(mail, epoch));
  }

  private async attempt(mail: DueMail, epoch: number): Promise<void> {
    try {
      await this.send(mail, epoch);
    } catch (error) {
      this.parts.log.error({ err: error, notification_id: mail.id }, 'an attempt to mail failed');
    } finally {
      this.underway.delete(mail.id);
      this.loop.wake();
    }
  }

  private async send(mail: DueMail, epoch: number): Promise<void> {
    const { store, log } = this.parts;
    const end = (state: MailState, reason: string | null, address: string | null = null) => {
      log[state === 'sent' || state === 'dropped' ? 'info' : 'warn']({ notification_id: mail.id, kind: mail.kind, state }, 'mail ended');
      return this.write(() => store.end(mail.id, epoch, state, reason, address));
    };
    const again = (reason: string, isRepeat = false) => {
      if (mail.age_ms > GIVE_UP_MS) return end('failed', `given up after ${mail.attempts + 1} attempts: ${reason}`);
      log.warn({ notification_id: mail.id, kind: mail.kind, attempts: mail.attempts + 1 }, 'mail not sent; it is tried again');
      return this.write(() => store.retry(mail.id, epoch, reason, delayMs(mail.attempts), isRepeat));
    };
    let prepared: Prepared;
    try {
      prepared = await asSystem('mail', { key: `mail/${mail.id}`, timeoutMs: CONTENT_TIMEOUT_MS }, () => this.prepare(mail));
    } catch (error) {
      return error instanceof Unusable ? end('failed', error.message) : again(`content: ${errorName(error)}`);
    }
    if ('dropped' in prepared) return end('dropped', prepared.dropped);
    const { address, envelope, content, version, link } = prepared;
    let isOurs = true;
    const outcome: Outcome = await this.parts.transport.deliver({
      envelope,
      content,
      link,
      name: `${mail.created_at.replace(/[^\dTZ]/g, '')}-${mail.id}`,
      signal: this.stopping.signal,
      beforeContent: async () => {
        isOurs = await store.begin(mail.id, { job: this.lease.job, epoch }, { address, version });
        if (!isOurs) throw new NotOurs();
      },
    });
    if (!isOurs) return;
    if (outcome.kind === 'accepted') return end('sent', null, address);
    if (outcome.kind === 'refused') return end(outcome.state, outcome.reason, address);
    if (outcome.kind === 'not_now') return again(outcome.reason);
    return mail.repeats_left > 0 ? again(`no answer to the content: ${outcome.reason}`, true) : end('unsure', outcome.reason, address);
  }

  /** @throws Unusable; what other domains throw when they cannot be asked */
  private async prepare(mail: DueMail): Promise<Prepared> {
    const { contents, wishes, templates, links, from } = this.parts;
    const asked = await contents.of(mail);
    if ('dropped' in asked) return asked;
    const { address, values } = asked;
    const template = await templates.inUse(mail.kind);
    const more: Record<string, string> = { app: from.name, app_url: links.app };
    let unsubscribe: { inOneClick: string } | undefined;
    if (!kinds[mail.kind].isSecurity && !mail.is_test) {
      const subject = await wishes.subjectOf(mail.kind, { userId: mail.user_id, address });
      if (!(await wishes.isWanted(subject, mail.kind))) return { dropped: 'not wanted' };
      const token = await wishes.tokenFor(subject, mail.kind);
      more.unsubscribe_url = links.unsubscribe(token);
      unsubscribe = { inOneClick: links.unsubscribeInOneClick(token) };
    }
    try {
      const parts = render(template, { ...values, ...more });
      const letter = { id: mail.id, created_at: mail.created_at, from, to: address, parts, unsubscribe };
      return { address, version: template.version, link: values.url, ...(await compose(letter)) };
    } catch (error) {
      throw new Unusable(`template ${mail.kind} version ${template.version}: ${errorName(error)}`);
    }
  }

  /** What has happened has happened: while the database is away, the process keeps it in mind. */
  private async write(statement: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await statement();
      } catch (error) {
        if (!(error instanceof DatabaseUnavailable) || this.stopping.signal.aborted) throw error;
        await pause(REMIND_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
      }
    }
  }

  private async sweep(): Promise<void> {
    if (performance.now() - this.sweptAt < SWEEP_MS) return;
    this.sweptAt = performance.now();
    await this.parts.store.sweep(KEEP_DAYS);
  }
}

type Prepared =
  | { readonly dropped: string }
  | { readonly address: string; readonly version: number; readonly link?: string; readonly envelope: Envelope; readonly content: Buffer };

/** No attempt will ever make a mail of it. */
class Unusable extends Error {}

/** Half of it is chance, so that what failed together does not come back together. */
function delayMs(attempts: number): number {
  return Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** attempts) * (0.5 + Math.random() / 2);
}
