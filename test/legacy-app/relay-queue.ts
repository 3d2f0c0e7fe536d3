import { randomUUID } from 'node:crypto';
import { nowMicros, withOffset } from './clock';
import { boolean, dictionary, integer, list, optional, text, type Values, withDefault } from './kinds';

const DAY = 86_400_000_000;

/** The body of `POST /relay/send`. */
export const Envelope = {
  recipient_id: text(),
  encrypted_content: text(),
  encrypted_session_key: text(),
  crypto_version: withDefault(text(), 'v1'),
  encryption_algorithm: withDefault(text(), 'ECDH-AES256-GCM'),
  kdf_algorithm: withDefault(text(), 'HKDF-SHA256'),
  signatures: optional(list(dictionary)),
  has_media: withDefault(boolean, false),
  media_refs: optional(list(dictionary)),
  ttl_days: optional(integer),
  sender_encrypted_content: optional(text()),
};

type Envelope = Values<typeof Envelope>;

export interface Queued {
  readonly envelope: Envelope;
  readonly id: string;
  readonly senderId: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  attempts: number;
}

/** In the memory of this process: lost with it. */
export class RelayQueue {
  private readonly queued = new Map<string, Queued>();

  constructor() {
    setInterval(() => this.cleanup(), 3_600_000).unref();
  }

  /** @throws Error if the time to live is beyond what a date can say */
  add(senderId: string, envelope: Envelope): Queued {
    const createdAt = nowMicros();
    const expiresAt = createdAt + (envelope.ttl_days || 7) * DAY;
    const year = new Date(expiresAt / 1000).getUTCFullYear();
    if (!(year >= 1 && year <= 9999)) throw new Error('OverflowError: date value out of range');
    const message = { envelope, id: randomUUID(), senderId, createdAt, expiresAt, attempts: 0 };
    this.queued.set(message.id, message);
    return message;
  }

  /** Each call is one more attempt to deliver. Ids are compared as they were typed. */
  takePending(recipientId: string): Queued[] {
    const pending = [...this.queued.values()].filter((message) => message.envelope.recipient_id === recipientId && !isExpired(message));
    for (const message of pending) message.attempts++;
    return pending;
  }

  /** Whoever asks. */
  acknowledge(messageId: string): boolean {
    return this.queued.delete(messageId);
  }

  cleanup(): number {
    const expired = [...this.queued.values()].filter(isExpired);
    for (const { id } of expired) this.queued.delete(id);
    return expired.length;
  }

  stats() {
    const all = [...this.queued.values()];
    const expired = all.filter(isExpired).length;
    return {
      total_messages: all.length,
      deliverable_messages: all.length - expired,
      expired_messages: expired,
      acknowledged_messages: 0,
      unique_recipients: new Set(all.map(({ envelope }) => envelope.recipient_id)).size,
    };
  }
}

const isExpired = ({ expiresAt }: Queued): boolean => expiresAt <= nowMicros();

/** What clients get, by poll or as a frame's `data`. */
export function relayed({ id, senderId, envelope, createdAt, attempts }: Queued) {
  return {
    id,
    sender_id: senderId,
    recipient_id: envelope.recipient_id,
    encrypted_content: envelope.encrypted_content,
    encrypted_session_key: envelope.encrypted_session_key,
    crypto_version: envelope.crypto_version,
    encryption_algorithm: envelope.encryption_algorithm,
    kdf_algorithm: envelope.kdf_algorithm,
    signatures: envelope.signatures,
    has_media: envelope.has_media,
    media_refs: envelope.media_refs,
    created_at: withOffset(createdAt),
    delivery_attempts: attempts,
  };
}
