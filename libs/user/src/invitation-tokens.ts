import { createHash, createHmac, hkdfSync } from 'node:crypto';

/** Legacy's: 32 bytes in base64url. */
const TOKEN = /^[A-Za-z0-9_-]{43}$/;
const HASHED = 'sha256:';

/**
 * The secrets in invitation links. Each follows from the id of its invitation and the server's secret, so it can be mailed again and
 * need not be kept: our own database has its hash only. Legacy finds an invitation by the token itself, so that is what stands in its
 * database; so do the tokens that legacy has drawn, which follow from nothing.
 */
export class InvitationTokens {
  private readonly key: Buffer;

  constructor(secret: string) {
    this.key = Buffer.from(hkdfSync('sha256', secret, '', 'banyan invitation token', 32));
  }

  /** 43 characters. */
  of(invitationId: string): string {
    return createHmac('sha256', this.key).update(invitationId).digest('base64url');
  }

  /** What a new row has in `invitation_token`. */
  kept(invitationId: string, { isLegacy }: { isLegacy: boolean }): string {
    const token = this.of(invitationId);
    return isLegacy ? token : hashed(token);
  }

  /** What a row may have for this token; nothing for a text that is none, above all for a hash that somebody has read. */
  static forms(token: string): string[] {
    return TOKEN.test(token) ? [token, hashed(token)] : [];
  }

  /** The token of a row; undefined if it was made with another secret. */
  reveal(invitationId: string, kept: string): string | undefined {
    if (!kept.startsWith(HASHED)) return kept;
    const token = this.of(invitationId);
    return hashed(token) === kept ? token : undefined;
  }
}

const hashed = (token: string): string => HASHED + createHash('sha256').update(token).digest('base64url');
