/** What became of one attempt. */
export type Outcome =
  | { readonly kind: 'accepted' }
  /** For good. */
  | { readonly kind: 'refused'; readonly state: 'failed' | 'bounced'; readonly reason: string }
  /** It is certain that nobody has it. */
  | { readonly kind: 'not_now'; readonly reason: string }
  /** The content was on its way, and no answer came. */
  | { readonly kind: 'unknown'; readonly reason: string };

export interface Envelope {
  readonly from: string;
  readonly to: string;
}

export interface Delivery {
  readonly envelope: Envelope;
  /** The whole mail (RFC 5322). */
  readonly content: Buffer;
  /** For those who keep files: how to call it, and the link in it, if it has one. */
  readonly name: string;
  readonly link?: string;
  /** Called once before the first byte of the content leaves; if it throws, none does and the outcome is `not_now`. */
  readonly beforeContent: () => Promise<void>;
  /** Where content has not left yet, give up at once. */
  readonly signal: AbortSignal;
}

/** Takes mails to where they are going. Never throws. */
export interface Transport {
  deliver(delivery: Delivery): Promise<Outcome>;
}
