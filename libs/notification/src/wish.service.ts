import { createHmac, timingSafeEqual } from 'node:crypto';
import { type ClientOf, type Input, isError, type Output } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { userContract, UserNotFound } from '@banyan/user/contract';
import { Injectable } from '@nestjs/common';
import { Kind, type preferences, SecurityMail, type setPreference, UnsubscribeLinkInvalid } from './contract';
import { kinds } from './kinds';
import { WishStore } from './wish.store';

/** Of an HMAC; half of it is as good against guessing, and keeps the link short. */
const SIGNATURE_BYTES = 16;

/** Who wants which mails, and the links by which anybody says so who has the mail. */
@Injectable()
export class WishService {
  constructor(
    private readonly store: WishStore,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
  ) {}

  async preferences(userId: string): Promise<Output<typeof preferences>> {
    const subjects = await this.subjectsOf(userId);
    const unwanted = await this.store.unwanted(Object.values(subjects).filter((subject) => subject !== undefined));
    return {
      preferences: Kind.options.map((kind) => {
        const { isSecurity, wish } = kinds[kind];
        const isOff = unwanted.some((row) => row.kind === kind && row.subject === subjects[wish]);
        return { kind, is_on: isSecurity || !isOff, can_change: !isSecurity };
      }),
    };
  }

  /** @throws SecurityMail */
  async set(userId: string, { kind, is_on }: Input<typeof setPreference>): Promise<Output<typeof preferences>> {
    const { isSecurity, wish } = kinds[kind];
    if (isSecurity && !is_on) throw SecurityMail();
    const subject = (await this.subjectsOf(userId))[wish];
    if (!isSecurity && subject) await this.store.set(subject, kind, is_on);
    return this.preferences(userId);
  }

  /** @throws UnsubscribeLinkInvalid */
  async unsubscribe(token: string): Promise<{ kind: Kind }> {
    const [named = '', signature = ''] = token.split('.');
    const [subject = '', kind = ''] = Buffer.from(named, 'base64url').toString().split('|');
    const known = Kind.safeParse(kind);
    const isSigned = equal(signature, await this.sign(named));
    if (!isSigned || !known.success || kinds[known.data].isSecurity) throw UnsubscribeLinkInvalid();
    await this.store.set(subject, known.data, false);
    return { kind: known.data };
  }

  /** Whose wish counts for a mail of this kind, to this address. */
  async subjectOf(kind: Kind, { userId, address }: { userId: string | null; address: string }): Promise<string> {
    return kinds[kind].wish === 'user' && userId !== null ? userSubject(userId) : this.addressSubject(address);
  }

  isWanted(subject: string, kind: Kind): Promise<boolean> {
    return kinds[kind].isSecurity ? Promise.resolve(true) : this.store.isWanted(subject, kind);
  }

  /** What an unsubscribe link of this mail ends with. It says whose wish it is in no readable form, and never expires. */
  async tokenFor(subject: string, kind: Kind): Promise<string> {
    const named = Buffer.from(`${subject}|${kind}`).toString('base64url');
    return `${named}.${await this.sign(named)}`;
  }

  private async sign(text: string): Promise<string> {
    const key = await this.store.signingKey();
    return createHmac('sha256', key).update(`unsubscribe ${text}`).digest().subarray(0, SIGNATURE_BYTES).toString('base64url');
  }

  /** Addresses that differ in case reach the same person; what is kept is a hash that means nothing without this server's key. */
  private async addressSubject(address: string): Promise<string> {
    const key = await this.store.signingKey();
    return `address:${createHmac('sha256', key).update(`address ${address.toLowerCase()}`).digest('base64url')}`;
  }

  /** A user without a profile (yet) has no address to say anything about. */
  private async subjectsOf(userId: string): Promise<{ readonly user: string; readonly address?: string }> {
    const profile = await this.users.profile({ user_id: userId }).catch((error: unknown) => {
      if (isError(error, UserNotFound)) return undefined;
      throw error;
    });
    return { user: userSubject(userId), address: profile && (await this.addressSubject(profile.email)) };
  }
}

export const userSubject = (userId: string): string => `user:${userId}`;

function equal(given: string, right: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}
