/**
 * One statement for each table, out of `generate_series` and of functions that give the same for the same seed (`fill-legacy.ts`):
 * `id(kind, i)`, `token(kind, i)` of 43 characters, `roll(kind, i, n)` from 0 to n - 1, `at(i, n)` the time of the i-th of n.
 *
 * What is odd is so by its number, every 97th or 500th, so that small databases have some of everything; CONTRACT section 13 says which
 * rows a migration may meet.
 */
export interface Sizes {
  readonly users: number;
  readonly messages: number;
  readonly contacts: number;
  readonly invitations: number;
  readonly attachments: number;
  readonly groups: number;
  readonly groupMessages: number;
}

/** Where and with what. */
export interface Place {
  /** `messages` as legacy's migration files made it. */
  readonly isBytea: boolean;
  /** `media_attachments.message_id` and its `created_at` may be null. */
  readonly takesUnlinked: boolean;
  /** When the last row was written, in UTC. */
  readonly now: string;
  /** Of the one password: legacy's, and with another prefix (`$2y$`). */
  readonly hashes: readonly string[];
  readonly otherHashes: readonly string[];
}

export function users({ users }: Sizes, { hashes, otherHashes }: Place): string {
  const list = (values: readonly string[]) => `ARRAY[${values.map((value) => `'${value}'`).join(', ')}]`;
  const entry = (n: number, status: string, data = `'"' || pg_temp.key('key${n}', i) || '"'`) =>
    `'{"key_id": "key-' || pg_temp.id('key${n}', i) || '", "algorithm": "SECP256R1", "key_data": ' || ${data}
     || ', "created_at": "2025-03-01T10:00:0${n}.000123", "status": "${status}"}'`;
  const migrated = (data: string) =>
    `json_build_array(json_build_object('key_id', 'legacy-key-' || pg_temp.id('user', i), 'algorithm', 'SECP256R1', 'key_data', ${data},
      'created_at', '2024-06-01 08:15:00.25', 'status', 'active'))::text`;
  return `
    INSERT INTO users (id, email, username, password_hash, public_keys, encrypted_private_key, full_name, bio, is_active, is_verified,
      last_seen, role, created_at, updated_at)
    SELECT pg_temp.id('user', i), pg_temp.email(i),
      CASE WHEN i % 211 = 1 THEN 'Zoë 🌳 ' || i WHEN i % 500 = 0 THEN 'User' || (i - 1) ELSE 'user' || i END,
      CASE WHEN i % 9 = 0 THEN (${list(otherHashes)})[1 + i % ${otherHashes.length}] ELSE (${list(hashes)})[1 + i % ${hashes.length}] END,
      (CASE
        WHEN i % 97 = 1 THEN '[]'
        WHEN i % 491 = 3 THEN 'null'
        WHEN i % 499 = 2 THEN '[' || ${entry(1, 'active', `(ARRAY['5', '{"kty": "EC"}', 'null', 'true'])[1 + i % 4]`)} || ']'
        WHEN i % 487 = 4 THEN '[' || ${entry(1, 'active', `(ARRAY['"\\u0000"', '"\\ud800"'])[1 + i % 2]`)} || ']'
        WHEN i % 89 = 9 THEN '[' || ${entry(1, 'inactive')} || ', ' || ${entry(2, 'inactive')} || ']'
        WHEN i % 11 = 5 THEN ${migrated(`encode(convert_to(pg_temp.jwk('key', i), 'UTF8'), 'base64')`)}
        WHEN i % 13 = 6 THEN ${migrated(`encode(convert_to('pubkey_user' || i, 'UTF8'), 'base64')`)}
        WHEN i % 7 = 0 THEN '[' || ${entry(1, 'active', `'"' || encode(convert_to('pubkey_user' || i, 'UTF8'), 'base64') || '"'`)} || ']'
        WHEN i % 10 = 8 THEN '[' || ${entry(1, 'inactive')} || ', ' || ${entry(2, 'inactive')} || ', ' || ${entry(3, 'active')} || ']'
        ELSE '[' || ${entry(1, 'active', `'"' || pg_temp.key('key', i) || '"'`)} || ']'
      END)::json,
      CASE WHEN i % 5 > 1 THEN pg_temp.unwrapped('{"alg":"PBKDF2-AES-256-GCM","iterations":100000,"salt":"' || left(pg_temp.token('salt', i), 22)
        || '==","iv":"' || left(pg_temp.token('iv', i), 16) || '","ct":"' || pg_temp.token('backup', i) || pg_temp.token('backup2', i) || '"}') END,
      CASE WHEN i % 3 = 0 THEN NULL WHEN i % 101 = 1 THEN '' ELSE 'Person ' || i END,
      CASE WHEN i % 397 = 1 THEN 'Écrit à la main' END,
      CASE WHEN i % 103 = 1 THEN NULL ELSE i % 199 <> 2 END,
      CASE WHEN i % 107 = 1 THEN NULL ELSE i % 50 = 3 END,
      CASE WHEN i % 109 <> 1 THEN pg_temp.at(i, ${users}) END,
      CASE WHEN i <= 2 THEN 'admin' ELSE 'user' END,
      CASE WHEN i % 113 <> 4 THEN pg_temp.at(i, ${users}) END,
      CASE WHEN i % 109 <> 1 THEN pg_temp.at(i, ${users}) END
    FROM generate_series(1, ${users}) i`;
}

/** Both directions for most, one for some, oneself for a few. */
export function contacts({ users, contacts }: Sizes): string {
  return `
    WITH pairs AS (
      SELECT i, a, CASE WHEN i % 251 = 1 THEN a ELSE 1 + pg_temp.roll('contact', i, ${users}) END AS b
      FROM generate_series(1, ${contacts}) i, LATERAL (SELECT 1 + (i % ${users}) AS a) x
    ), both_ways AS (
      SELECT i, 1 AS direction, a, b FROM pairs UNION ALL
      SELECT i, 2, b, a FROM pairs WHERE i % 5 > 0 AND a <> b
    )
    INSERT INTO contacts (id, user_id, contact_id, nickname, created_at)
    SELECT DISTINCT ON (a, b) pg_temp.id('contact' || direction, i), pg_temp.id('user', a), pg_temp.id('user', b),
      CASE WHEN i % 6 = 0 THEN 'Friend ' || i END, CASE WHEN i % 127 <> 1 THEN pg_temp.at(i, ${contacts}) END
    FROM both_ways ORDER BY a, b, i, direction`;
}

/** Accepted, expired and open ones; several for the same address, some to oneself, to people with an account and to guests. */
export function invitations({ users, invitations }: Sizes, { now }: Place): string {
  return `
    INSERT INTO invitations (id, inviter_id, invitee_email, invitation_token, is_accepted, accepted_at, created_at, expires_at)
    SELECT pg_temp.id('invitation', i), pg_temp.id('user', inviter),
      CASE WHEN i % 53 = 1 THEN pg_temp.email(inviter) WHEN i % 5 < 2 THEN pg_temp.email(1 + pg_temp.roll('invitee', n, ${users}))
        ELSE 'guest' || n || '@example.com' END,
      pg_temp.token('invitation', i),
      CASE WHEN i % 59 = 2 THEN NULL ELSE is_accepted END, CASE WHEN is_accepted THEN made + interval '1 day' END,
      CASE WHEN i % 131 <> 3 THEN made END, made + interval '7 days'
    FROM (
      SELECT i, n, 1 + pg_temp.roll('inviter', n, ${users}) AS inviter, i % 4 = 0 AS is_accepted,
        CASE WHEN i % 4 = 1 THEN '${now}'::timestamp - interval '1 day' ELSE pg_temp.at(i, ${invitations}) - interval '30 days' END AS made
      FROM (SELECT i, i - (i % 10 = 3)::int AS n FROM generate_series(1, ${invitations}) i) numbered
    ) made`;
}

/** Few conversations have most of them. A legacy `messages` of either variant. */
export function messages({ users, messages }: Sizes, { isBytea }: Place): string {
  const stored = (text: string) => (isBytea ? `convert_to(${text}, 'UTF8')` : text);
  const content = stored(`CASE
        WHEN i % 503 = 1 THEN 'None' WHEN i % 10 = 2 THEN 'plain text ' || i WHEN i % 10 = 3 THEN 'encrypted:' || token
        WHEN i % 997 = 5 THEN '' ELSE pg_temp.envelope(token) END`);
  return `
    INSERT INTO messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content, signatures,
      is_read, is_deleted, has_media, created_at, updated_at)
    SELECT pg_temp.id('message', i), sender, recipient,
      ${isBytea ? `CASE WHEN i % 499 = 7 THEN 'zero '::bytea || '\\x00' ELSE ${content} END` : content},
      ${stored(`CASE WHEN i % 503 = 1 OR i % 10 = 4 THEN 'default-key' WHEN i % 10 = 2 THEN 'pending-key-exchange' ELSE 'ecdh-pfs' END`)},
      CASE WHEN i % 10 IN (0, 5, 6, 7, 8) THEN pg_temp.envelope(reverse(token)) END,
      CASE WHEN i % 83 = 1 THEN NULL WHEN i % 409 = 2 THEN 'null' ELSE '[]' END::json,
      CASE WHEN i % 137 = 1 THEN NULL ELSE i % 3 > 0 END, CASE WHEN i % 139 <> 1 THEN false END,
      CASE WHEN i % 149 = 1 THEN NULL ELSE i % 100 = 7 END,
      CASE WHEN i % 151 <> 1 THEN made END, CASE WHEN i % 151 <> 1 THEN made END
    FROM (
      SELECT i, pg_temp.token('message', i) AS token, pg_temp.at(i - (i % 101 = 1)::int, ${messages}) AS made,
        pg_temp.id('user', CASE WHEN i % 2 = 0 THEN a ELSE b END) AS sender,
        pg_temp.id('user', CASE WHEN (i % 2 = 0) <> (i % 251 = 1) THEN b ELSE a END) AS recipient
      FROM (
        SELECT i, 1 + pg_temp.roll('a', c, ${users}) AS a, 1 + pg_temp.roll('b', c, ${users}) AS b
        FROM (
          SELECT i, (${2 * users} * (pg_temp.roll('conversation', i, 1000000) / 1e6::float8) ^ 2)::bigint AS c FROM generate_series(1, ${messages}) i
        ) conversations
      ) people
      OFFSET 0 -- computed once, and not again wherever a column is named
    ) written`;
}

export function attachments({ messages, attachments }: Sizes, { takesUnlinked }: Place): string {
  return `
    INSERT INTO media_attachments (id, message_id, file_name, file_type, file_size, file_url, created_at)
    SELECT pg_temp.id('attachment', i), ${takesUnlinked ? 'CASE WHEN i % 7 > 0 THEN' : ''} pg_temp.id('message', 1 + pg_temp.roll('attached', i, ${messages}))
      ${takesUnlinked ? 'END' : ''},
      CASE WHEN i % 31 = 1 THEN '../secret/' WHEN i % 37 = 1 THEN 'Größe 100% "' ELSE '' END || 'file' || i || extension,
      type, pg_temp.roll('size', i, 52428801), '/api/v1/media/files/' || pg_temp.id('file', i) || extension,
      ${takesUnlinked ? 'CASE WHEN i % 41 <> 1 THEN' : ''} pg_temp.at(i, ${attachments}) ${takesUnlinked ? 'END' : ''}
    FROM generate_series(1, ${attachments}) i
    JOIN (VALUES (0, '.png', 'image/png'), (1, '.JPG', 'image/jpeg'), (2, '.pdf', 'application/pdf'), (3, '.mp4', 'video/mp4'),
      (4, '.txt', 'application/octet-stream')) AS kinds (n, extension, type) ON n = i % 5`;
}

export function groups({ users, groups }: Sizes): string {
  return `
    INSERT INTO groups (id, name, description, admin_id, is_encrypted, created_at, updated_at)
    SELECT pg_temp.id('group', i), CASE WHEN i % 61 = 1 THEN '' ELSE 'Group ' || i END, CASE WHEN i % 2 = 0 THEN 'About ' || i END,
      pg_temp.id('user', 1 + pg_temp.roll('owner', i, ${users})), CASE WHEN i % 67 <> 1 THEN true END,
      CASE WHEN i % 71 <> 1 THEN pg_temp.at(i, ${groups}) END, pg_temp.at(i, ${groups})
    FROM generate_series(1, ${groups}) i`;
}

/** The owner's row is missing in some groups; in others a member has two rows, of which one may be the owner's. */
export function groupMembers({ users, groups }: Sizes): string {
  const user = (g: string, n: string) => `1 + pg_temp.roll('member', ${g} * 100 + ${n}, ${users})`;
  return `
    WITH owners AS (SELECT g, 1 + pg_temp.roll('owner', g, ${users}) AS owner FROM generate_series(1, ${groups}) g)
    INSERT INTO group_members (id, group_id, user_id, role, added_by, joined_at, is_muted)
    SELECT pg_temp.id('member', g * 1000 + n), pg_temp.id('group', g), pg_temp.id('user', person),
      CASE WHEN g % 73 = 1 AND n > 0 THEN NULL WHEN n = 0 OR n = 902 THEN 'admin' ELSE 'member' END,
      CASE WHEN g % 79 <> 1 THEN pg_temp.id('user', owner) END,
      CASE WHEN n < 900 AND (g + n) % 17 > 0 THEN pg_temp.at(g, ${groups}) + n * interval '1 minute' END,
      CASE WHEN (g + n) % 19 > 0 THEN false END
    FROM (
      SELECT DISTINCT ON (g, person) g, n, person, owner FROM (
        SELECT g, 0 AS n, owner AS person, owner FROM owners UNION ALL
        SELECT g, n, ${user('g', 'n')}, owner FROM owners, generate_series(1, 3 + pg_temp.roll('size', g, 8)) n
      ) everybody ORDER BY g, person, n
    ) once
    WHERE NOT (n = 0 AND g % 29 = 3)
    UNION ALL
    SELECT pg_temp.id('member', g * 1000 + n), pg_temp.id('group', g), pg_temp.id('user', CASE n WHEN 903 THEN owner ELSE ${user('g', '1')} END),
      CASE n WHEN 902 THEN 'admin' ELSE 'member' END, pg_temp.id('user', owner), NULL, NULL
    FROM owners JOIN (VALUES (901, 23), (902, 31), (903, 37)) AS doubles (n, every) ON g % every = 5`;
}

/** Bytes in both variants: UTF-8, of which some have a zero in it. */
export function groupMessages({ users, groups, groupMessages }: Sizes): string {
  return `
    INSERT INTO group_messages (id, group_id, sender_id, encrypted_content, encrypted_session_key, is_edited, is_deleted, created_at, updated_at)
    SELECT pg_temp.id('group message', i), pg_temp.id('group', g), pg_temp.id('user', 1 + pg_temp.roll('member', g * 100 + 1 + i % 3, ${users})),
      convert_to('hello group ' || i || ' ✓', 'UTF8') || CASE WHEN i % 199 = 1 THEN '\\x00'::bytea ELSE '' END,
      convert_to(CASE WHEN i % 3 = 0 THEN '{}' ELSE '{"' || pg_temp.id('user', 1) || '": "placeholder"}' END, 'UTF8'),
      CASE WHEN i % 43 <> 1 THEN false END, CASE WHEN i % 47 <> 1 THEN false END,
      CASE WHEN i % 53 <> 1 THEN pg_temp.at(i, ${groupMessages}) END, pg_temp.at(i, ${groupMessages})
    FROM generate_series(1, ${groupMessages}) i, LATERAL (SELECT 1 + pg_temp.roll('group', i, ${groups}) AS g) x`;
}
