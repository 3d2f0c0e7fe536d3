-- Generated from libs/migration/src/prepare/tables.ts: change that, build, run dist/migrations/legacy/generate.js.

BEGIN;

DO $body$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'banyan_group') THEN
    CREATE ROLE banyan_group NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made at the same moment for another database of this server
END
$body$;
DO $body$
BEGIN
  IF NOT pg_has_role(current_user, 'banyan_group', 'MEMBER') THEN
    GRANT banyan_group TO CURRENT_USER;
  END IF;
END
$body$;
CREATE SCHEMA IF NOT EXISTS banyan_group;
GRANT USAGE, CREATE ON SCHEMA banyan_group TO banyan_group;

CREATE OR REPLACE FUNCTION banyan_group.text_of(bytes bytea) RETURNS text
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
GRANT EXECUTE ON FUNCTION banyan_group.text_of(bytea) TO banyan_group;

DROP VIEW IF EXISTS banyan_group.groups;
CREATE VIEW banyan_group.groups AS SELECT
  b.id AS id,
  b.name AS name,
  b.description AS description,
  b.admin_id AS admin_id,
  b.avatar_url AS avatar_url,
  COALESCE(b.is_encrypted, true) AS is_encrypted,
  (COALESCE(b.created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS created_at,
  (b.updated_at AT TIME ZONE 'UTC') AS updated_at,
  b.xmin AS row_version
FROM public.groups b;
ALTER VIEW banyan_group.groups ALTER COLUMN is_encrypted SET DEFAULT true;
ALTER VIEW banyan_group.groups ALTER COLUMN created_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_group.groups TO banyan_group;

CREATE OR REPLACE FUNCTION banyan_group.groups_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO public.groups (id, name, description, admin_id, avatar_url, is_encrypted, created_at, updated_at)
  VALUES (NEW.id, NEW.name, NEW.description, NEW.admin_id, NEW.avatar_url, NEW.is_encrypted, NEW.created_at AT TIME ZONE 'UTC', NEW.updated_at AT TIME ZONE 'UTC')
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.groups_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_group.groups
  FOR EACH ROW EXECUTE FUNCTION banyan_group.groups_insert();

CREATE OR REPLACE FUNCTION banyan_group.groups_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.groups b SET
    name = CASE WHEN NEW.name IS DISTINCT FROM OLD.name THEN NEW.name ELSE b.name END,
    description = CASE WHEN NEW.description IS DISTINCT FROM OLD.description THEN NEW.description ELSE b.description END,
    admin_id = CASE WHEN NEW.admin_id IS DISTINCT FROM OLD.admin_id THEN NEW.admin_id ELSE b.admin_id END,
    avatar_url = CASE WHEN NEW.avatar_url IS DISTINCT FROM OLD.avatar_url THEN NEW.avatar_url ELSE b.avatar_url END,
    is_encrypted = CASE WHEN NEW.is_encrypted IS DISTINCT FROM OLD.is_encrypted THEN NEW.is_encrypted ELSE b.is_encrypted END,
    created_at = CASE WHEN NEW.created_at IS DISTINCT FROM OLD.created_at THEN NEW.created_at AT TIME ZONE 'UTC' ELSE b.created_at END,
    updated_at = CASE WHEN NEW.updated_at IS DISTINCT FROM OLD.updated_at THEN NEW.updated_at AT TIME ZONE 'UTC' ELSE b.updated_at END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.groups b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.groups_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_group.groups
  FOR EACH ROW EXECUTE FUNCTION banyan_group.groups_update();

CREATE OR REPLACE FUNCTION banyan_group.groups_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.groups b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN OLD; END IF;
  SELECT b.xmin INTO current_version FROM public.groups b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.groups_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_group.groups
  FOR EACH ROW EXECUTE FUNCTION banyan_group.groups_delete();

DROP VIEW IF EXISTS banyan_group.group_members;
CREATE VIEW banyan_group.group_members AS SELECT
  b.id AS id,
  b.group_id AS group_id,
  b.user_id AS user_id,
  COALESCE(NULLIF(b.role, ''), 'member')::varchar(50) AS role,
  b.added_by AS added_by,
  (COALESCE(b.joined_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS joined_at,
  COALESCE(b.is_muted, false) AS is_muted,
  b.xmin AS row_version
FROM public.group_members b
WHERE NOT EXISTS (SELECT FROM public.group_members d WHERE d.group_id = b.group_id AND d.user_id = b.user_id AND ((d.role IS DISTINCT FROM 'admin'), COALESCE(d.joined_at, '1970-01-01 00:00:00'::timestamp), d.id) < ((b.role IS DISTINCT FROM 'admin'), COALESCE(b.joined_at, '1970-01-01 00:00:00'::timestamp), b.id));
ALTER VIEW banyan_group.group_members ALTER COLUMN role SET DEFAULT 'member';
ALTER VIEW banyan_group.group_members ALTER COLUMN joined_at SET DEFAULT clock_timestamp();
ALTER VIEW banyan_group.group_members ALTER COLUMN is_muted SET DEFAULT false;
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_group.group_members TO banyan_group;

CREATE OR REPLACE FUNCTION banyan_group.group_members_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('banyan_group.group_members ' || NEW.group_id::text || ' ' || NEW.user_id::text, 0));
  IF EXISTS (SELECT FROM public.group_members d WHERE d.group_id = NEW.group_id AND d.user_id = NEW.user_id) THEN RETURN NULL; END IF;
  INSERT INTO public.group_members (id, group_id, user_id, role, added_by, joined_at, is_muted)
  VALUES (NEW.id, NEW.group_id, NEW.user_id, NEW.role, NEW.added_by, NEW.joined_at AT TIME ZONE 'UTC', NEW.is_muted)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_members_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_group.group_members
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_members_insert();

CREATE OR REPLACE FUNCTION banyan_group.group_members_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.group_members b SET
    group_id = CASE WHEN NEW.group_id IS DISTINCT FROM OLD.group_id THEN NEW.group_id ELSE b.group_id END,
    user_id = CASE WHEN NEW.user_id IS DISTINCT FROM OLD.user_id THEN NEW.user_id ELSE b.user_id END,
    role = CASE WHEN NEW.role IS DISTINCT FROM OLD.role THEN NEW.role ELSE b.role END,
    added_by = CASE WHEN NEW.added_by IS DISTINCT FROM OLD.added_by THEN NEW.added_by ELSE b.added_by END,
    joined_at = CASE WHEN NEW.joined_at IS DISTINCT FROM OLD.joined_at THEN NEW.joined_at AT TIME ZONE 'UTC' ELSE b.joined_at END,
    is_muted = CASE WHEN NEW.is_muted IS DISTINCT FROM OLD.is_muted THEN NEW.is_muted ELSE b.is_muted END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN
    UPDATE public.group_members d SET
      group_id = CASE WHEN NEW.group_id IS DISTINCT FROM OLD.group_id THEN NEW.group_id ELSE d.group_id END,
      user_id = CASE WHEN NEW.user_id IS DISTINCT FROM OLD.user_id THEN NEW.user_id ELSE d.user_id END,
      role = CASE WHEN NEW.role IS DISTINCT FROM OLD.role THEN NEW.role ELSE d.role END,
      added_by = CASE WHEN NEW.added_by IS DISTINCT FROM OLD.added_by THEN NEW.added_by ELSE d.added_by END,
      joined_at = CASE WHEN NEW.joined_at IS DISTINCT FROM OLD.joined_at THEN NEW.joined_at AT TIME ZONE 'UTC' ELSE d.joined_at END,
      is_muted = CASE WHEN NEW.is_muted IS DISTINCT FROM OLD.is_muted THEN NEW.is_muted ELSE d.is_muted END
    WHERE d.group_id = OLD.group_id AND d.user_id = OLD.user_id AND d.id <> OLD.id;
    RETURN NEW;
  END IF;
  SELECT b.xmin INTO current_version FROM public.group_members b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_members_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_group.group_members
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_members_update();

CREATE OR REPLACE FUNCTION banyan_group.group_members_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.group_members b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN
    DELETE FROM public.group_members d WHERE d.group_id = OLD.group_id AND d.user_id = OLD.user_id;
    RETURN OLD;
  END IF;
  SELECT b.xmin INTO current_version FROM public.group_members b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_members_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_group.group_members
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_members_delete();

DROP VIEW IF EXISTS banyan_group.group_messages;
CREATE VIEW banyan_group.group_messages AS SELECT
  b.id AS id,
  b.group_id AS group_id,
  b.sender_id AS sender_id,
  banyan_group.text_of(b.encrypted_content) AS encrypted_content,
  banyan_group.text_of(b.encrypted_session_key) AS encrypted_session_key,
  COALESCE(b.is_edited, false) AS is_edited,
  COALESCE(b.is_deleted, false) AS is_deleted,
  (COALESCE(b.created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS created_at,
  (b.updated_at AT TIME ZONE 'UTC') AS updated_at,
  b.xmin AS row_version
FROM public.group_messages b;
ALTER VIEW banyan_group.group_messages ALTER COLUMN is_edited SET DEFAULT false;
ALTER VIEW banyan_group.group_messages ALTER COLUMN is_deleted SET DEFAULT false;
ALTER VIEW banyan_group.group_messages ALTER COLUMN created_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_group.group_messages TO banyan_group;

CREATE OR REPLACE FUNCTION banyan_group.group_messages_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO public.group_messages (id, group_id, sender_id, encrypted_content, encrypted_session_key, is_edited, is_deleted, created_at, updated_at)
  VALUES (NEW.id, NEW.group_id, NEW.sender_id, convert_to(NEW.encrypted_content, 'UTF8'), convert_to(NEW.encrypted_session_key, 'UTF8'), NEW.is_edited, NEW.is_deleted, NEW.created_at AT TIME ZONE 'UTC', NEW.updated_at AT TIME ZONE 'UTC')
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_messages_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_group.group_messages
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_messages_insert();

CREATE OR REPLACE FUNCTION banyan_group.group_messages_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.group_messages b SET
    group_id = CASE WHEN NEW.group_id IS DISTINCT FROM OLD.group_id THEN NEW.group_id ELSE b.group_id END,
    sender_id = CASE WHEN NEW.sender_id IS DISTINCT FROM OLD.sender_id THEN NEW.sender_id ELSE b.sender_id END,
    encrypted_content = CASE WHEN NEW.encrypted_content IS DISTINCT FROM OLD.encrypted_content THEN convert_to(NEW.encrypted_content, 'UTF8') ELSE b.encrypted_content END,
    encrypted_session_key = CASE WHEN NEW.encrypted_session_key IS DISTINCT FROM OLD.encrypted_session_key THEN convert_to(NEW.encrypted_session_key, 'UTF8') ELSE b.encrypted_session_key END,
    is_edited = CASE WHEN NEW.is_edited IS DISTINCT FROM OLD.is_edited THEN NEW.is_edited ELSE b.is_edited END,
    is_deleted = CASE WHEN NEW.is_deleted IS DISTINCT FROM OLD.is_deleted THEN NEW.is_deleted ELSE b.is_deleted END,
    created_at = CASE WHEN NEW.created_at IS DISTINCT FROM OLD.created_at THEN NEW.created_at AT TIME ZONE 'UTC' ELSE b.created_at END,
    updated_at = CASE WHEN NEW.updated_at IS DISTINCT FROM OLD.updated_at THEN NEW.updated_at AT TIME ZONE 'UTC' ELSE b.updated_at END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.group_messages b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_messages_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_group.group_messages
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_messages_update();

CREATE OR REPLACE FUNCTION banyan_group.group_messages_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.group_messages b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN OLD; END IF;
  SELECT b.xmin INTO current_version FROM public.group_messages b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_messages_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_group.group_messages
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_messages_delete();

DROP VIEW IF EXISTS banyan_group.group_read_receipts;
CREATE VIEW banyan_group.group_read_receipts AS SELECT
  b.id AS id,
  b.message_id AS message_id,
  b.user_id AS user_id,
  (COALESCE(b.read_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS read_at,
  b.xmin AS row_version
FROM public.group_read_receipts b
WHERE NOT EXISTS (SELECT FROM public.group_read_receipts d WHERE d.message_id = b.message_id AND d.user_id = b.user_id AND (COALESCE(d.read_at, '1970-01-01 00:00:00'::timestamp), d.id) < (COALESCE(b.read_at, '1970-01-01 00:00:00'::timestamp), b.id));
ALTER VIEW banyan_group.group_read_receipts ALTER COLUMN read_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_group.group_read_receipts TO banyan_group;

CREATE OR REPLACE FUNCTION banyan_group.group_read_receipts_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('banyan_group.group_read_receipts ' || NEW.message_id::text || ' ' || NEW.user_id::text, 0));
  IF EXISTS (SELECT FROM public.group_read_receipts d WHERE d.message_id = NEW.message_id AND d.user_id = NEW.user_id) THEN RETURN NULL; END IF;
  INSERT INTO public.group_read_receipts (id, message_id, user_id, read_at)
  VALUES (NEW.id, NEW.message_id, NEW.user_id, NEW.read_at AT TIME ZONE 'UTC')
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_read_receipts_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_group.group_read_receipts
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_read_receipts_insert();

CREATE OR REPLACE FUNCTION banyan_group.group_read_receipts_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.group_read_receipts b SET
    message_id = CASE WHEN NEW.message_id IS DISTINCT FROM OLD.message_id THEN NEW.message_id ELSE b.message_id END,
    user_id = CASE WHEN NEW.user_id IS DISTINCT FROM OLD.user_id THEN NEW.user_id ELSE b.user_id END,
    read_at = CASE WHEN NEW.read_at IS DISTINCT FROM OLD.read_at THEN NEW.read_at AT TIME ZONE 'UTC' ELSE b.read_at END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN
    UPDATE public.group_read_receipts d SET
      message_id = CASE WHEN NEW.message_id IS DISTINCT FROM OLD.message_id THEN NEW.message_id ELSE d.message_id END,
      user_id = CASE WHEN NEW.user_id IS DISTINCT FROM OLD.user_id THEN NEW.user_id ELSE d.user_id END,
      read_at = CASE WHEN NEW.read_at IS DISTINCT FROM OLD.read_at THEN NEW.read_at AT TIME ZONE 'UTC' ELSE d.read_at END
    WHERE d.message_id = OLD.message_id AND d.user_id = OLD.user_id AND d.id <> OLD.id;
    RETURN NEW;
  END IF;
  SELECT b.xmin INTO current_version FROM public.group_read_receipts b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_read_receipts_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_group.group_read_receipts
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_read_receipts_update();

CREATE OR REPLACE FUNCTION banyan_group.group_read_receipts_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.group_read_receipts b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN
    DELETE FROM public.group_read_receipts d WHERE d.message_id = OLD.message_id AND d.user_id = OLD.user_id;
    RETURN OLD;
  END IF;
  SELECT b.xmin INTO current_version FROM public.group_read_receipts b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_group.group_read_receipts_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_group.group_read_receipts
  FOR EACH ROW EXECUTE FUNCTION banyan_group.group_read_receipts_delete();

COMMENT ON SCHEMA banyan_group IS 'banyan views 976b5f555c2b1731';

COMMIT;

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_groups_admin ON public.groups (admin_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_group_members_pair ON public.group_members (group_id, user_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_group_members_user ON public.group_members (user_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_group_members_added_by ON public.group_members (added_by);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_group_messages_history ON public.group_messages (group_id, (COALESCE(created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC'), id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_group_messages_sender ON public.group_messages (sender_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_group_read_receipts_pair ON public.group_read_receipts (message_id, user_id);

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_group_read_receipts_user ON public.group_read_receipts (user_id);
