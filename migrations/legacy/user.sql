-- Generated from libs/migration/src/prepare/tables.ts: change that, build, run dist/migrations/legacy/generate.js.

BEGIN;

DO $body$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'banyan_user') THEN
    CREATE ROLE banyan_user NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made at the same moment for another database of this server
END
$body$;
DO $body$
BEGIN
  IF NOT pg_has_role(current_user, 'banyan_user', 'MEMBER') THEN
    GRANT banyan_user TO CURRENT_USER;
  END IF;
END
$body$;
CREATE SCHEMA IF NOT EXISTS banyan_user;
GRANT USAGE, CREATE ON SCHEMA banyan_user TO banyan_user;

CREATE OR REPLACE FUNCTION banyan_user.keys_of(stored json) RETURNS jsonb
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
GRANT EXECUTE ON FUNCTION banyan_user.keys_of(json) TO banyan_user;

CREATE OR REPLACE FUNCTION banyan_user.trigrams_of(words text) RETURNS text[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
  SELECT ARRAY(SELECT DISTINCT pg_catalog.substr(words, n, 3) FROM pg_catalog.generate_series(1, pg_catalog.length(words) - 2) AS n)
$body$;

CREATE TABLE IF NOT EXISTS banyan_user.profile_pending (id uuid PRIMARY KEY);

DROP VIEW IF EXISTS banyan_user.user_profiles;
CREATE VIEW banyan_user.user_profiles AS SELECT
  b.id AS id,
  b.email AS email,
  b.username AS username,
  b.full_name AS full_name,
  b.avatar_url AS avatar_url,
  b.bio AS bio,
  banyan_user.keys_of(b.public_keys) AS public_keys,
  b.encrypted_private_key AS encrypted_private_key,
  COALESCE(NULLIF(b.role, ''), 'user')::varchar(20) AS role,
  COALESCE(b.is_active, true) AS is_active,
  (COALESCE(b.created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS created_at,
  b.xmin AS row_version
FROM public.users b
WHERE NOT EXISTS (SELECT FROM banyan_user.profile_pending p WHERE p.id = b.id);
ALTER VIEW banyan_user.user_profiles ALTER COLUMN public_keys SET DEFAULT '[]';
ALTER VIEW banyan_user.user_profiles ALTER COLUMN role SET DEFAULT 'user';
ALTER VIEW banyan_user.user_profiles ALTER COLUMN is_active SET DEFAULT true;
ALTER VIEW banyan_user.user_profiles ALTER COLUMN created_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_user.user_profiles TO banyan_user;

CREATE OR REPLACE FUNCTION banyan_user.user_profiles_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  DELETE FROM banyan_user.profile_pending WHERE id = NEW.id;
  IF NOT FOUND AND EXISTS (SELECT FROM public.users WHERE id = NEW.id) THEN RETURN NULL; END IF;
  UPDATE public.users SET
    full_name = NEW.full_name,
    avatar_url = NEW.avatar_url,
    bio = NEW.bio,
    public_keys = NEW.public_keys::json,
    encrypted_private_key = NEW.encrypted_private_key
  WHERE id = NEW.id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no row % to be a part of', NEW.id USING ERRCODE = 'foreign_key_violation';
  END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.user_profiles_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_user.user_profiles
  FOR EACH ROW EXECUTE FUNCTION banyan_user.user_profiles_insert();

CREATE OR REPLACE FUNCTION banyan_user.user_profiles_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.users b SET
    full_name = CASE WHEN NEW.full_name IS DISTINCT FROM OLD.full_name THEN NEW.full_name ELSE b.full_name END,
    avatar_url = CASE WHEN NEW.avatar_url IS DISTINCT FROM OLD.avatar_url THEN NEW.avatar_url ELSE b.avatar_url END,
    bio = CASE WHEN NEW.bio IS DISTINCT FROM OLD.bio THEN NEW.bio ELSE b.bio END,
    public_keys = CASE WHEN NEW.public_keys IS DISTINCT FROM OLD.public_keys THEN NEW.public_keys::json ELSE b.public_keys END,
    encrypted_private_key = CASE WHEN NEW.encrypted_private_key IS DISTINCT FROM OLD.encrypted_private_key THEN NEW.encrypted_private_key ELSE b.encrypted_private_key END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.users b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.user_profiles_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_user.user_profiles
  FOR EACH ROW EXECUTE FUNCTION banyan_user.user_profiles_update();

CREATE OR REPLACE FUNCTION banyan_user.user_profiles_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  UPDATE public.users b SET full_name = NULL, avatar_url = NULL, bio = NULL, public_keys = '[]'::json, encrypted_private_key = NULL
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN
    INSERT INTO banyan_user.profile_pending (id) VALUES (OLD.id) ON CONFLICT DO NOTHING;
    RETURN OLD;
  END IF;
  SELECT b.xmin INTO current_version FROM public.users b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.user_profiles_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_user.user_profiles
  FOR EACH ROW EXECUTE FUNCTION banyan_user.user_profiles_delete();

DROP VIEW IF EXISTS banyan_user.contacts;
CREATE VIEW banyan_user.contacts AS SELECT
  b.id AS id,
  b.user_id AS user_id,
  b.contact_id AS contact_id,
  b.nickname AS nickname,
  (COALESCE(b.created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS created_at,
  b.xmin AS row_version
FROM public.contacts b;
ALTER VIEW banyan_user.contacts ALTER COLUMN created_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_user.contacts TO banyan_user;

CREATE OR REPLACE FUNCTION banyan_user.contacts_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO public.contacts (id, user_id, contact_id, nickname, created_at)
  VALUES (NEW.id, NEW.user_id, NEW.contact_id, NEW.nickname, NEW.created_at AT TIME ZONE 'UTC')
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.contacts_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_user.contacts
  FOR EACH ROW EXECUTE FUNCTION banyan_user.contacts_insert();

CREATE OR REPLACE FUNCTION banyan_user.contacts_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.contacts b SET
    user_id = CASE WHEN NEW.user_id IS DISTINCT FROM OLD.user_id THEN NEW.user_id ELSE b.user_id END,
    contact_id = CASE WHEN NEW.contact_id IS DISTINCT FROM OLD.contact_id THEN NEW.contact_id ELSE b.contact_id END,
    nickname = CASE WHEN NEW.nickname IS DISTINCT FROM OLD.nickname THEN NEW.nickname ELSE b.nickname END,
    created_at = CASE WHEN NEW.created_at IS DISTINCT FROM OLD.created_at THEN NEW.created_at AT TIME ZONE 'UTC' ELSE b.created_at END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.contacts b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.contacts_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_user.contacts
  FOR EACH ROW EXECUTE FUNCTION banyan_user.contacts_update();

CREATE OR REPLACE FUNCTION banyan_user.contacts_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.contacts b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN OLD; END IF;
  SELECT b.xmin INTO current_version FROM public.contacts b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.contacts_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_user.contacts
  FOR EACH ROW EXECUTE FUNCTION banyan_user.contacts_delete();

DROP VIEW IF EXISTS banyan_user.invitations;
CREATE VIEW banyan_user.invitations AS SELECT
  b.id AS id,
  b.inviter_id AS inviter_id,
  b.invitee_email AS invitee_email,
  b.invitation_token AS invitation_token,
  COALESCE(b.is_accepted, false) AS is_accepted,
  (b.accepted_at AT TIME ZONE 'UTC') AS accepted_at,
  (COALESCE(b.created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS created_at,
  (b.expires_at AT TIME ZONE 'UTC') AS expires_at,
  b.xmin AS row_version
FROM public.invitations b;
ALTER VIEW banyan_user.invitations ALTER COLUMN is_accepted SET DEFAULT false;
ALTER VIEW banyan_user.invitations ALTER COLUMN created_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_user.invitations TO banyan_user;

CREATE OR REPLACE FUNCTION banyan_user.invitations_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO public.invitations (id, inviter_id, invitee_email, invitation_token, is_accepted, accepted_at, created_at, expires_at)
  VALUES (NEW.id, NEW.inviter_id, NEW.invitee_email, NEW.invitation_token, NEW.is_accepted, NEW.accepted_at AT TIME ZONE 'UTC', NEW.created_at AT TIME ZONE 'UTC', NEW.expires_at AT TIME ZONE 'UTC')
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.invitations_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_user.invitations
  FOR EACH ROW EXECUTE FUNCTION banyan_user.invitations_insert();

CREATE OR REPLACE FUNCTION banyan_user.invitations_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.invitations b SET
    inviter_id = CASE WHEN NEW.inviter_id IS DISTINCT FROM OLD.inviter_id THEN NEW.inviter_id ELSE b.inviter_id END,
    invitee_email = CASE WHEN NEW.invitee_email IS DISTINCT FROM OLD.invitee_email THEN NEW.invitee_email ELSE b.invitee_email END,
    invitation_token = CASE WHEN NEW.invitation_token IS DISTINCT FROM OLD.invitation_token THEN NEW.invitation_token ELSE b.invitation_token END,
    is_accepted = CASE WHEN NEW.is_accepted IS DISTINCT FROM OLD.is_accepted THEN NEW.is_accepted ELSE b.is_accepted END,
    accepted_at = CASE WHEN NEW.accepted_at IS DISTINCT FROM OLD.accepted_at THEN NEW.accepted_at AT TIME ZONE 'UTC' ELSE b.accepted_at END,
    created_at = CASE WHEN NEW.created_at IS DISTINCT FROM OLD.created_at THEN NEW.created_at AT TIME ZONE 'UTC' ELSE b.created_at END,
    expires_at = CASE WHEN NEW.expires_at IS DISTINCT FROM OLD.expires_at THEN NEW.expires_at AT TIME ZONE 'UTC' ELSE b.expires_at END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.invitations b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.invitations_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_user.invitations
  FOR EACH ROW EXECUTE FUNCTION banyan_user.invitations_update();

CREATE OR REPLACE FUNCTION banyan_user.invitations_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.invitations b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN OLD; END IF;
  SELECT b.xmin INTO current_version FROM public.invitations b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_user.invitations_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_user.invitations
  FOR EACH ROW EXECUTE FUNCTION banyan_user.invitations_delete();

COMMENT ON SCHEMA banyan_user IS 'banyan views 635071fbfa4578fd';

COMMIT;

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_user_profiles_trigrams ON public.users USING gin (banyan_user.trigrams_of(lower(email)));

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_user_profiles_beginning ON public.users (lower(email) text_pattern_ops);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_contacts_contact ON public.contacts (contact_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_invitations_inviter ON public.invitations (inviter_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_invitations_invitee ON public.invitations (invitee_email);
