-- Generated from libs/migration/src/prepare/tables.ts: change that, build, run dist/migrations/legacy/generate.js.

BEGIN;

DO $body$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'banyan_media') THEN
    CREATE ROLE banyan_media NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made at the same moment for another database of this server
END
$body$;
DO $body$
BEGIN
  IF NOT pg_has_role(current_user, 'banyan_media', 'MEMBER') THEN
    GRANT banyan_media TO CURRENT_USER;
  END IF;
END
$body$;
CREATE SCHEMA IF NOT EXISTS banyan_media;
GRANT USAGE, CREATE ON SCHEMA banyan_media TO banyan_media;

DROP VIEW IF EXISTS banyan_media.media_attachments;
CREATE VIEW banyan_media.media_attachments AS SELECT
  b.id AS id,
  b.message_id AS message_id,
  b.file_name AS file_name,
  b.file_type AS file_type,
  b.file_size AS file_size,
  b.file_url AS file_url,
  b.thumbnail_url AS thumbnail_url,
  (COALESCE(b.created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS created_at,
  (SELECT m.sender_id FROM public.messages m WHERE m.id = b.message_id) AS sender_id,
  (SELECT m.recipient_id FROM public.messages m WHERE m.id = b.message_id) AS recipient_id,
  b.xmin AS row_version
FROM public.media_attachments b;
ALTER VIEW banyan_media.media_attachments ALTER COLUMN created_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_media.media_attachments TO banyan_media;

CREATE OR REPLACE FUNCTION banyan_media.media_attachments_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  IF NEW.message_id IS NULL AND EXISTS (
    SELECT FROM pg_attribute WHERE attrelid = 'public.media_attachments'::regclass AND attname = 'message_id' AND attnotnull) THEN RETURN NULL; END IF;
  INSERT INTO public.media_attachments (id, message_id, file_name, file_type, file_size, file_url, thumbnail_url, created_at)
  VALUES (NEW.id, NEW.message_id, NEW.file_name, NEW.file_type, NEW.file_size, NEW.file_url, NEW.thumbnail_url, NEW.created_at AT TIME ZONE 'UTC')
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_media.media_attachments_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_media.media_attachments
  FOR EACH ROW EXECUTE FUNCTION banyan_media.media_attachments_insert();

CREATE OR REPLACE FUNCTION banyan_media.media_attachments_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.media_attachments b SET
    message_id = CASE WHEN NEW.message_id IS DISTINCT FROM OLD.message_id THEN NEW.message_id ELSE b.message_id END,
    file_name = CASE WHEN NEW.file_name IS DISTINCT FROM OLD.file_name THEN NEW.file_name ELSE b.file_name END,
    file_type = CASE WHEN NEW.file_type IS DISTINCT FROM OLD.file_type THEN NEW.file_type ELSE b.file_type END,
    file_size = CASE WHEN NEW.file_size IS DISTINCT FROM OLD.file_size THEN NEW.file_size ELSE b.file_size END,
    file_url = CASE WHEN NEW.file_url IS DISTINCT FROM OLD.file_url THEN NEW.file_url ELSE b.file_url END,
    thumbnail_url = CASE WHEN NEW.thumbnail_url IS DISTINCT FROM OLD.thumbnail_url THEN NEW.thumbnail_url ELSE b.thumbnail_url END,
    created_at = CASE WHEN NEW.created_at IS DISTINCT FROM OLD.created_at THEN NEW.created_at AT TIME ZONE 'UTC' ELSE b.created_at END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.media_attachments b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_media.media_attachments_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_media.media_attachments
  FOR EACH ROW EXECUTE FUNCTION banyan_media.media_attachments_update();

CREATE OR REPLACE FUNCTION banyan_media.media_attachments_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.media_attachments b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN OLD; END IF;
  SELECT b.xmin INTO current_version FROM public.media_attachments b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_media.media_attachments_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_media.media_attachments
  FOR EACH ROW EXECUTE FUNCTION banyan_media.media_attachments_delete();

COMMENT ON SCHEMA banyan_media IS 'banyan views c718598535dd5f3a';

COMMIT;
