import { authContract, NoLink } from '@banyan/auth/contract';
import { type ClientOf, isError } from '@banyan/platform/contract';
import { Client } from '@banyan/platform/dispatch/client';
import { NoInvitation, userContract, UserNotFound } from '@banyan/user/contract';
import { Injectable } from '@nestjs/common';
import { kinds } from './kinds';
import { Links } from './links';
import type { DueMail } from './mail.store';
import { plainName } from './plain-name';

/** Whom a mail is to and what its template needs; or why nobody needs it any more. */
export type Content = { readonly address: string; readonly values: Readonly<Record<string, string>> } | { readonly dropped: string };

/** A profile follows its account by a call or an event: a mail can be faster. */
const PROFILE_GRACE_MS = 60_000;

/**
 * Asks the domains that know: what a mail contains (address, names, and above all links) is fetched when it is sent, so that no secret
 * waits in a queue or travels in an event. Asked twice they give the same.
 */
@Injectable()
export class Contents {
  constructor(
    @Client(authContract) private readonly auth: ClientOf<typeof authContract>,
    @Client(userContract) private readonly users: ClientOf<typeof userContract>,
    private readonly links: Links,
  ) {}

  /** @throws what the clients throw when the domain cannot be asked now */
  async of(mail: DueMail): Promise<Content> {
    try {
      return mail.is_test ? await this.example(mail) : await this.fetch(mail);
    } catch (error) {
      if (isError(error, NoLink) || isError(error, NoInvitation)) return { dropped: (error as { code: string }).code };
      if (isError(error, UserNotFound) && mail.age_ms > PROFILE_GRACE_MS) return { dropped: UserNotFound.code };
      throw error;
    }
  }

  private async fetch({ kind, user_id, data }: DueMail): Promise<Content> {
    switch (kind) {
      case 'verify_email':
      case 'reset_password': {
        const asked = { user_id: user_id!, purpose: kind, request_id: data.request_id! };
        const { email, username, url, expires_at } = await this.auth.link(asked);
        return { address: email, values: { name: plainName(username), url, expires: inWords(expires_at) } };
      }
      case 'password_changed':
      case 'session_revoked': {
        const { email, username } = await this.users.profile({ user_id: user_id! });
        return { address: email, values: { name: plainName(username), at: inWords(data.at!), reset_url: this.links.resetPassword } };
      }
      case 'invitation': {
        const { to, inviter_name, url, expires_at } = await this.users.invitationMail({ invitation_id: data.invitation_id! });
        return { address: to, values: { inviter_name: plainName(inviter_name), url, expires: inWords(expires_at) } };
      }
      case 'invitation_accepted': {
        const [inviter, contact] = await Promise.all([
          this.users.profile({ user_id: user_id! }),
          this.users.profile({ user_id: data.user_id! }),
        ]);
        return {
          address: inviter.email,
          values: { name: plainName(inviter.username), contact_name: plainName(contact.full_name ?? contact.username) },
        };
      }
    }
  }

  private async example({ kind, user_id }: DueMail): Promise<Content> {
    const { email } = await this.users.profile({ user_id: user_id! });
    return { address: email, values: kinds[kind].variables };
  }
}

const words = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });

/** `29 November 2026 at 15:31 UTC` */
const inWords = (instant: string): string => `${words.format(new Date(instant))} UTC`;
