/** Where mails lead to, beside the links that other domains make. */
export class Links {
  constructor(
    private readonly publicUrl: string,
    /** The web client. */
    readonly app: string,
  ) {}

  get resetPassword(): string {
    return `${this.publicUrl}/account/reset-password`;
  }

  /** For people: a page with a button, so that a scanner that follows links switches nothing off. */
  unsubscribe(token: string): string {
    return `${this.publicUrl}/account/unsubscribe#${token}`;
  }

  /** For mail programs, by POST (RFC 8058). */
  unsubscribeInOneClick(token: string): string {
    return `${this.publicUrl}/api/v1/notifications/unsubscribe/${token}`;
  }
}
