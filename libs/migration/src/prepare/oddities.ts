import type { Queryable } from './inspect';
import type { Variant } from './kinds';
import { legacyTables } from './tables';

/** Rows that are not as one would expect. New code reads them all; each line says how. */
export interface Oddity {
  readonly name: string;
  readonly meaning: string;
  readonly count: number;
  /** Ids of a few of them, the smallest first; never contents. */
  readonly examples: readonly string[];
}

interface Question {
  readonly name: string;
  readonly meaning: string;
  /** SELECTs one column: the ids. */
  readonly ids: string;
}

const EXAMPLES = 5;

/** One pass over the tables for each question; those without a match are left out. */
export async function findOddities(database: Queryable, variant: Variant): Promise<Oddity[]> {
  const found: Oddity[] = [];
  for (const { name, meaning, ids } of questions(variant)) {
    const { rows } = await database.query<{ count: string; examples: string[] | null }>(
      `WITH odd (id) AS (${ids})
       SELECT count(*) AS count, (SELECT array_agg(id::text) FROM (SELECT id FROM odd ORDER BY id LIMIT ${EXAMPLES}) AS first) AS examples FROM odd`,
    );
    const { count, examples } = rows[0]!;
    if (Number(count) > 0) found.push({ name, meaning, count: Number(count), examples: examples ?? [] });
  }
  return found;
}

function questions(variant: Variant): Question[] {
  return [...fixed(variant), ...nulls(), ...orphans()];
}

/** bcrypt as legacy writes it and reads it; anything else makes its login fail with 500. */
const BCRYPT = String.raw`'^\$2[abxy]\$[0-9]{2}\$[./A-Za-z0-9]{53}$'`;
/** An escape that PostgreSQL cannot decode, wherever it looks into the JSON: zero and surrogates. Behind an even number of backslashes. */
const UNDECODABLE = String.raw`(?<!\\)((?:\\\\)*)\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})`;
/** The elements of the array of keys, whatever escapes are in it; nothing where it is no array. */
const KEYS = String.raw`json_array_elements(CASE WHEN json_typeof(public_keys) = 'array'
  THEN regexp_replace(public_keys::text, '${UNDECODABLE}', '\1\\ufffd', 'g')::json ELSE '[]' END) AS key`;

function fixed(variant: Variant): Question[] {
  const contentIs = (text: string) => (variant === 'text' ? `= '${text}'` : `= convert_to('${text}', 'UTF8')`);
  const zeroByte = (column: string) => String.raw`position('\x00'::bytea IN ${column}) > 0`;
  return [
    {
      name: 'emails_differ_in_case',
      meaning: 'e-mail addresses that differ in upper and lower case only; each signs in with its own spelling',
      ids: 'SELECT id FROM (SELECT id, count(*) OVER (PARTITION BY lower(email)) AS n FROM public.users) u WHERE n > 1',
    },
    {
      name: 'emails_not_normal',
      meaning: 'e-mail addresses with an upper-case domain or blanks around them, with which nobody can sign in, on either side',
      ids: `SELECT id FROM public.users WHERE email <> trim(email) OR split_part(email, '@', -1) <> lower(split_part(email, '@', -1))`,
    },
    {
      name: 'passwords_not_bcrypt',
      meaning: 'password hashes that are not bcrypt: the monolith answers a sign-in with 500, new code with "Invalid credentials"',
      ids: `SELECT id FROM public.users WHERE password_hash !~ ${BCRYPT}`,
    },
    {
      name: 'public_keys_no_list',
      meaning: 'public_keys that is no JSON array; read as no key',
      ids: `SELECT id FROM public.users WHERE json_typeof(public_keys) <> 'array'`,
    },
    {
      name: 'public_keys_not_text',
      meaning: 'entries of public_keys without a text in key_data; skipped (the monolith answers 500 to everybody who sees such a user)',
      ids: `SELECT id FROM public.users WHERE EXISTS (SELECT FROM ${KEYS}
              WHERE CASE WHEN json_typeof(key) = 'object' THEN json_typeof(key -> 'key_data') END IS DISTINCT FROM 'string')`,
    },
    {
      name: 'public_keys_wrapped',
      meaning: 'keys with line feeds in them, left by an old migration; read without',
      ids: String.raw`SELECT id FROM public.users WHERE public_keys::text ~ '"key_data"\s*:\s*"[^"]*\\n'`,
    },
    {
      name: 'public_keys_unfit_for_jsonb',
      meaning: 'escapes in public_keys that PostgreSQL cannot decode (\\u0000, lone surrogates); read as U+FFFD',
      ids: String.raw`SELECT id FROM public.users WHERE public_keys::text ~ '${UNDECODABLE}'`,
    },
    {
      name: 'contacts_with_oneself',
      meaning: 'users who are their own contact; kept',
      ids: 'SELECT id FROM public.contacts WHERE user_id = contact_id',
    },
    {
      name: 'messages_to_oneself',
      meaning: 'messages to oneself; kept',
      ids: 'SELECT id FROM public.messages WHERE sender_id = recipient_id',
    },
    {
      name: 'messages_content_none',
      meaning: 'messages whose content is the text None (the monolith stored a missing one so); read as it is',
      ids: `SELECT id FROM public.messages WHERE encrypted_content ${contentIs('None')}`,
    },
    ...(variant === 'bytea'
      ? [
          {
            name: 'messages_with_zero_bytes',
            meaning: 'message contents with a zero byte, which no text can hold; read as U+FFFD',
            ids: `SELECT id FROM public.messages WHERE ${zeroByte('encrypted_content')} OR ${zeroByte('encrypted_session_key')}`,
          },
        ]
      : []),
    {
      name: 'signatures_no_list',
      meaning: 'signatures that are no JSON array; JSON null is read as none',
      ids: `SELECT id FROM public.messages WHERE signatures IS NOT NULL AND json_typeof(signatures) <> 'array'`,
    },
    {
      name: 'invitations_to_oneself',
      meaning: 'invitations to the address of the inviter',
      ids: 'SELECT i.id FROM public.invitations i JOIN public.users u ON u.id = i.inviter_id WHERE lower(u.email) = lower(i.invitee_email)',
    },
    {
      name: 'invitations_repeated',
      meaning: 'several invitations of one inviter to one address',
      ids: `SELECT id FROM (SELECT id, count(*) OVER (PARTITION BY inviter_id, lower(invitee_email)) AS n FROM public.invitations) i WHERE n > 1`,
    },
    {
      name: 'attachments_without_message',
      meaning: 'uploads that no message refers to',
      ids: 'SELECT id FROM public.media_attachments WHERE message_id IS NULL',
    },
    {
      name: 'members_repeated',
      meaning: 'users who are several times in a group; counted once',
      ids: 'SELECT id FROM (SELECT id, count(*) OVER (PARTITION BY group_id, user_id) AS n FROM public.group_members) m WHERE n > 1',
    },
    {
      name: 'owners_not_members',
      meaning: 'groups whose owner is not among the members as admin, and who therefore can add nobody in the monolith',
      ids: `SELECT id FROM public.groups g WHERE NOT EXISTS (
              SELECT FROM public.group_members m WHERE m.group_id = g.id AND m.user_id = g.admin_id AND m.role = 'admin')`,
    },
    {
      name: 'group_messages_with_zero_bytes',
      meaning: 'group messages with a zero byte; read as U+FFFD',
      ids: `SELECT id FROM public.group_messages WHERE ${zeroByte('encrypted_content')}`,
    },
  ];
}

/** Nulls where new code has a value, from the table that the views are made of. */
function nulls(): Question[] {
  return [...new Set(legacyTables.map(({ legacy }) => legacy))].flatMap((legacy) => {
    const columns = Object.assign(
      {},
      ...legacyTables.filter((table) => table.legacy === legacy).map((table) => table.columns),
    ) as LegacyColumns;
    return Object.entries(columns).flatMap(([column, { fill }]) =>
      fill === undefined || column === 'public_keys'
        ? []
        : [
            {
              name: `${legacy}_${column}_null`,
              meaning: `${legacy} without ${column}; read as ${fill.replace(/::\w+$/, '')}`,
              ids: `SELECT id FROM public.${legacy} WHERE ${column} IS NULL`,
            },
          ],
    );
  });
}

type LegacyColumns = (typeof legacyTables)[number]['columns'];

/** A foreign key forbids them; a restored or repaired database may lack one. */
function orphans(): Question[] {
  const references = [
    ['messages', 'sender_id', 'users'],
    ['messages', 'recipient_id', 'users'],
    ['contacts', 'user_id', 'users'],
    ['contacts', 'contact_id', 'users'],
    ['invitations', 'inviter_id', 'users'],
    ['media_attachments', 'message_id', 'messages'],
    ['group_members', 'group_id', 'groups'],
    ['group_members', 'user_id', 'users'],
    ['group_messages', 'group_id', 'groups'],
  ] as const;
  return references.map(([table, column, target]) => ({
    name: `${table}_${column}_orphaned`,
    meaning: `${table} whose ${column} refers to nothing`,
    ids: `SELECT id FROM public.${table} t WHERE t.${column} IS NOT NULL AND NOT EXISTS (SELECT FROM public.${target} r WHERE r.id = t.${column})`,
  }));
}
