import { randomUUID } from 'node:crypto';
import { naiveNow, nowMicros, withOffset } from './clock';
import { bytes, type Queryable } from './database';
import { pythonJson } from './json';
import { type Dictionary, isDictionary, parseUuid } from './kinds';
import type { Legacy } from './legacy';

export interface Group {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly admin_id: string;
  readonly created_at: string | null;
}

export interface GroupMessage {
  readonly id: string;
  readonly sender_id: string;
  readonly encrypted_content: Buffer;
  readonly encrypted_session_key: Buffer;
  readonly created_at: string | null;
}

export async function findGroup(db: Queryable, id: string): Promise<Group | undefined> {
  const [group] = await db.query<Group>('SELECT * FROM groups WHERE id = $1', [id]);
  return group;
}

/** Each once, however many rows a member has. */
export async function memberIds(db: Queryable, groupId: string): Promise<string[]> {
  const rows = await db.query<{ user_id: string }>('SELECT DISTINCT user_id FROM group_members WHERE group_id = $1', [groupId]);
  return rows.map(({ user_id }) => user_id);
}

/** The frame `group_message`. From an outsider, or with any fault, nothing happens at all. */
export async function receiveGroupMessage({ db, sockets }: Legacy, senderId: string, payload: Dictionary): Promise<void> {
  const { encrypted_content } = payload;
  const keys = payload.encrypted_session_keys ?? {};
  const groupId = parseUuid(String(payload.group_id));
  const group = groupId && (await findGroup(db, groupId));
  if (!group || typeof encrypted_content !== 'string' || !isDictionary(keys)) return;
  const people = new Set([...(await memberIds(db, group.id)), group.admin_id]);
  if (!people.has(senderId)) return;
  const [message] = await db.query<GroupMessage>(
    `INSERT INTO group_messages (id, group_id, sender_id, encrypted_content, encrypted_session_key, is_edited, is_deleted, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, false, false, $6::timestamptz, $6::timestamptz) RETURNING *`,
    [randomUUID(), group.id, senderId, bytes(encrypted_content), bytes(pythonJson(keys)), withOffset(nowMicros())],
  );
  const { id: message_id, created_at: timestamp } = message!;
  const content = { encrypted_content, encrypted_session_keys: keys, timestamp };
  people.delete(senderId);
  for (const person of people) {
    sockets.send(person, { type: 'new_group_message', group_id: group.id, sender_id: senderId, message_id, ...content });
  }
  sockets.send(senderId, {
    type: 'group_message_sent',
    group_id: group.id,
    message_id,
    status: 'sent',
    timestamp: timestamp ?? naiveNow(),
  });
}
