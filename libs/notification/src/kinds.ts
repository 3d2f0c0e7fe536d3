import type { Kind } from './contract';

/** What holds for all mails of a kind. */
export interface KindRules {
  /** Mails about the security of an account are always sent, and have no unsubscribe link. */
  readonly isSecurity: boolean;
  /** Whose wish counts: an account's or, where the recipient may have none, that of the address. */
  readonly wish: 'user' | 'address';
  /**
   * How often it may be sent once more when the mail server may have taken it and its answer was lost (docs/adr/0044-mail-once.md). A second
   * "confirm your address" does no harm, a missing one does; a second invitation is a nuisance, and can be asked for.
   */
  readonly repeats: number;
  /** What its template may use beside `common`, with an example for previews and test mails. */
  readonly variables: Readonly<Record<string, string>>;
  /** Without it the mail would be of no use: both forms of it have to contain it. */
  readonly needs: readonly string[];
}

const REPEATS = 2;

const link = (path: string) => `https://chat.example/${path}`;
const EXAMPLE_NAME = 'Ada Lovelace';

/** What every template may use; the sender fills it in. */
export const common = ['app', 'app_url'] as const;

export const kinds: Readonly<Record<Kind, KindRules>> = {
  verify_email: {
    isSecurity: true,
    wish: 'user',
    repeats: REPEATS,
    variables: { name: EXAMPLE_NAME, url: link('account/verify-email#example'), expires: '29 November 2026, 15:31 UTC' },
    needs: ['url'],
  },
  reset_password: {
    isSecurity: true,
    wish: 'user',
    repeats: REPEATS,
    variables: { name: EXAMPLE_NAME, url: link('account/reset-password#example'), expires: '22 November 2026, 16:31 UTC' },
    needs: ['url'],
  },
  password_changed: {
    isSecurity: true,
    wish: 'user',
    repeats: REPEATS,
    variables: { name: EXAMPLE_NAME, at: '22 November 2026, 15:31 UTC', reset_url: link('account/reset-password') },
    needs: ['reset_url'],
  },
  session_revoked: {
    isSecurity: true,
    wish: 'user',
    repeats: REPEATS,
    variables: { name: EXAMPLE_NAME, at: '22 November 2026, 15:31 UTC', reset_url: link('account/reset-password') },
    needs: ['reset_url'],
  },
  invitation: {
    isSecurity: false,
    wish: 'address',
    repeats: 0,
    variables: {
      inviter_name: EXAMPLE_NAME,
      url: link('accept-invitation/example'),
      expires: '29 November 2026, 15:31 UTC',
      unsubscribe_url: link('account/unsubscribe#example'),
    },
    needs: ['url', 'unsubscribe_url'],
  },
  invitation_accepted: {
    isSecurity: false,
    wish: 'user',
    repeats: 0,
    variables: { name: EXAMPLE_NAME, contact_name: 'Charles Babbage', unsubscribe_url: link('account/unsubscribe#example') },
    needs: ['unsubscribe_url'],
  },
};

/** The names that a template of this kind may use. */
export const variablesOf = (kind: Kind): string[] => [...common, ...Object.keys(kinds[kind].variables)];
