/**
 * Functions that read what neither a cast nor `convert_from` reads safely: in legacy's columns anything may stand that its
 * clients sent, and one bad row must not break the list it is in.
 *
 * PARALLEL UNSAFE, because a block with EXCEPTION starts a subtransaction, which no parallel worker may.
 */

/** `text_of(bytea) → text`. Zero bytes become U+FFFD; what is no UTF-8 is shown with its high bytes as `\nnn`. */
export const textOf = (schema: string): string => String.raw`CREATE OR REPLACE FUNCTION ${schema}.text_of(bytes bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE AS $body$
BEGIN
  RETURN convert_from(bytes, 'UTF8');
EXCEPTION WHEN OTHERS THEN
  BEGIN
    RETURN convert_from(decode(replace(regexp_replace(encode(bytes, 'hex'), '(..)', '\1 ', 'g'), '00 ', 'efbfbd '), 'hex'), 'UTF8');
  EXCEPTION WHEN OTHERS THEN
    RETURN encode(bytes, 'escape');
  END;
END
$body$;
GRANT EXECUTE ON FUNCTION ${schema}.text_of(bytea) TO ${schema};`;

/**
 * `keys_of(json) → jsonb`: the entries of the array that are objects with a text in `key_data`, in their order. White space in
 * it goes (an old migration wrapped it at 76 characters), the blank in `created_at` becomes the `T` of ISO 8601, and placeholders
 * (base64 of `pubkey_…`) are left out. `\u0000` and surrogates become U+FFFD if jsonb cannot hold the list as it is.
 */
export const keysOf = (schema: string): string => String.raw`CREATE OR REPLACE FUNCTION ${schema}.keys_of(stored json) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE PARALLEL UNSAFE AS $body$
DECLARE
  entries jsonb := '[]';
  entry json;
  repaired jsonb[] := '{}';
BEGIN
  IF json_typeof(stored) IS DISTINCT FROM 'array' THEN RETURN entries; END IF;
  BEGIN
    entries := stored::jsonb;
  EXCEPTION WHEN OTHERS THEN
    FOR entry IN SELECT json_array_elements(stored) LOOP
      BEGIN
        repaired := array_append(repaired,
          regexp_replace(entry::text, '(?<!\\)((?:\\\\)*)\\u(?:0000|[dD][89a-fA-F][0-9a-fA-F]{2})', '\1\\ufffd', 'g')::jsonb);
      EXCEPTION WHEN OTHERS THEN NULL; -- for instance a number beyond numeric's range: no key either way
      END;
    END LOOP;
    entries := to_jsonb(repaired);
  END;
  RETURN (
    SELECT COALESCE(jsonb_agg(
      CASE WHEN jsonb_typeof(key->'created_at') = 'string'
        THEN key || jsonb_build_object('key_data', data, 'created_at', regexp_replace(key->>'created_at', '^(\d{4}-\d\d-\d\d) ', '\1T'))
        ELSE key || jsonb_build_object('key_data', data)
      END ORDER BY position), '[]')
    FROM jsonb_array_elements(entries) WITH ORDINALITY AS stored_key (key, position),
      LATERAL (SELECT regexp_replace(key->>'key_data', '\s', '', 'g') AS data) AS cleaned
    WHERE jsonb_typeof(key->'key_data') = 'string' AND NOT starts_with(data, 'cHVia2V5X')
  );
END
$body$;
GRANT EXECUTE ON FUNCTION ${schema}.keys_of(json) TO ${schema};`;

/**
 * `trigrams_of(text) → text[]`: each three characters that follow each other, once. Unlike the extension pg_trgm it needs no right to
 * install anything, and it knows every character alike, in whatever locale the database is. SQL functions of an index run with the
 * rights of who writes the row, so everybody may execute it.
 */
export const trigramsOf = (schema: string): string => `CREATE OR REPLACE FUNCTION ${schema}.trigrams_of(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
  SELECT ARRAY(SELECT DISTINCT pg_catalog.substr(words, n, 3) FROM pg_catalog.generate_series(1, pg_catalog.length(words) - 2) AS n)
$body$;`;
