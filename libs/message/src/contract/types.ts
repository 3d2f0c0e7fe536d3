import { Bool, OpaqueObjects, Text, Timestamp, Uuid } from '@banyan/platform/contract';
import { z } from 'zod';

/** An envelope made by the client; the server never looks inside. Two of them and the rest fit into one request. */
export const Envelope = Text({ max: 500_000 });
export const SessionKey = Text({ max: 100_000 });
export const Signatures = OpaqueObjects({ maxItems: 100, maxBytes: 100_000 });
const Algorithm = Text({ max: 100 });

/** What describes the envelope's cryptography, with the values legacy assumes where the client is silent. */
export const cryptoFields = {
  crypto_version: Algorithm.default('v1'),
  encryption_algorithm: Algorithm.default('ECDH-AES256-GCM'),
  kdf_algorithm: Algorithm.default('HKDF-SHA256'),
};

export const Attachment = z.object({
  id: Uuid,
  file_name: z.string(),
  file_type: z.string(),
  file_size: z.int(),
  file_url: z.string(),
  category: z.string(),
  thumbnail_url: z.string().nullable(),
  created_at: Timestamp,
});
export type Attachment = z.output<typeof Attachment>;

/** What a recipient's devices are told about the files of a message, as an upload answers it; null if it speaks of none. */
export const MediaRefs = z.array(z.record(z.string(), z.unknown())).nullable();

/** A message in a conversation. `created_at` is the database's clock. */
export const Message = z.object({
  id: Uuid,
  sender_id: Uuid,
  recipient_id: Uuid,
  encrypted_content: z.string(),
  encrypted_session_key: z.string(),
  sender_encrypted_content: z.string().nullable(),
  crypto_version: z.string(),
  encryption_algorithm: z.string(),
  kdf_algorithm: z.string(),
  signatures: z.array(z.record(z.string(), z.unknown())),
  is_read: z.boolean(),
  created_at: Timestamp,
  has_media: z.boolean(),
  media_attachments: z.array(Attachment),
});
export type Message = z.output<typeof Message>;

/** A message on its way: what `relay` takes from a sender. */
export const Draft = z.object({
  recipient_id: Uuid,
  encrypted_content: Envelope,
  encrypted_session_key: SessionKey,
  sender_encrypted_content: Envelope.nullish(),
  ...cryptoFields,
  signatures: Signatures.nullish(),
  has_media: Bool.default(false),
  media_refs: Signatures.nullish(),
});

/** A message in somebody's queue: what his devices get until one of them acknowledges it. */
export const QueuedMessage = z.object({
  id: Uuid,
  sender_id: Uuid,
  recipient_id: Uuid,
  encrypted_content: z.string(),
  encrypted_session_key: z.string(),
  crypto_version: z.string(),
  encryption_algorithm: z.string(),
  kdf_algorithm: z.string(),
  signatures: z.array(z.record(z.string(), z.unknown())).nullable(),
  has_media: z.boolean(),
  media_refs: MediaRefs,
  created_at: Timestamp,
  delivery_attempts: z.int(),
});
export type QueuedMessage = z.output<typeof QueuedMessage>;
