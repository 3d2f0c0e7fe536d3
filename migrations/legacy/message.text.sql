-- Generated from libs/migration/src/prepare/tables.ts: change that, build, run dist/migrations/legacy/generate.js.

BEGIN;

DO $body$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'banyan_message') THEN
    CREATE ROLE banyan_message NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made at the same moment for another database of this server
END
$body$;
DO $body$
BEGIN
  IF NOT pg_has_role(current_user, 'banyan_message', 'MEMBER') THEN
    GRANT banyan_message TO CURRENT_USER;
  END IF;
END
$body$;
CREATE SCHEMA IF NOT EXISTS banyan_message;
GRANT USAGE, CREATE ON SCHEMA banyan_message TO banyan_message;

DROP VIEW IF EXISTS banyan_message.messages;
CREATE VIEW banyan_message.messages AS SELECT
  b.id AS id,
  b.sender_id AS sender_id,
  b.recipient_id AS recipient_id,
  b.encrypted_content AS encrypted_content,
  b.encrypted_session_key AS encrypted_session_key,
  b.sender_encrypted_content AS sender_encrypted_content,
  b.crypto_version AS crypto_version,
  b.encryption_algorithm AS encryption_algorithm,
  b.kdf_algorithm AS kdf_algorithm,
  COALESCE(CASE WHEN json_typeof(b.signatures) <> 'null' THEN b.signatures END, '[]'::json) AS signatures,
  COALESCE(b.is_read, false) AS is_read,
  COALESCE(b.is_deleted, false) AS is_deleted,
  COALESCE(b.has_media, false) AS has_media,
  (COALESCE(b.created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS created_at,
  (b.updated_at AT TIME ZONE 'UTC') AS updated_at,
  b.xmin AS row_version
FROM public.messages b;
ALTER VIEW banyan_message.messages ALTER COLUMN crypto_version SET DEFAULT 'v1';
ALTER VIEW banyan_message.messages ALTER COLUMN encryption_algorithm SET DEFAULT 'ECDH-AES256-GCM';
ALTER VIEW banyan_message.messages ALTER COLUMN kdf_algorithm SET DEFAULT 'HKDF-SHA256';
ALTER VIEW banyan_message.messages ALTER COLUMN signatures SET DEFAULT '[]';
ALTER VIEW banyan_message.messages ALTER COLUMN is_read SET DEFAULT false;
ALTER VIEW banyan_message.messages ALTER COLUMN is_deleted SET DEFAULT false;
ALTER VIEW banyan_message.messages ALTER COLUMN has_media SET DEFAULT false;
ALTER VIEW banyan_message.messages ALTER COLUMN created_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_message.messages TO banyan_message;

CREATE OR REPLACE FUNCTION banyan_message.messages_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO public.messages (id, sender_id, recipient_id, encrypted_content, encrypted_session_key, sender_encrypted_content, crypto_version, encryption_algorithm, kdf_algorithm, signatures, is_read, is_deleted, has_media, created_at, updated_at)
  VALUES (NEW.id, NEW.sender_id, NEW.recipient_id, NEW.encrypted_content, NEW.encrypted_session_key, NEW.sender_encrypted_content, NEW.crypto_version, NEW.encryption_algorithm, NEW.kdf_algorithm, NEW.signatures, NEW.is_read, NEW.is_deleted, NEW.has_media, NEW.created_at AT TIME ZONE 'UTC', NEW.updated_at AT TIME ZONE 'UTC')
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_message.messages_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_message.messages
  FOR EACH ROW EXECUTE FUNCTION banyan_message.messages_insert();

CREATE OR REPLACE FUNCTION banyan_message.messages_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.messages b SET
    sender_id = CASE WHEN NEW.sender_id IS DISTINCT FROM OLD.sender_id THEN NEW.sender_id ELSE b.sender_id END,
    recipient_id = CASE WHEN NEW.recipient_id IS DISTINCT FROM OLD.recipient_id THEN NEW.recipient_id ELSE b.recipient_id END,
    encrypted_content = CASE WHEN NEW.encrypted_content IS DISTINCT FROM OLD.encrypted_content THEN NEW.encrypted_content ELSE b.encrypted_content END,
    encrypted_session_key = CASE WHEN NEW.encrypted_session_key IS DISTINCT FROM OLD.encrypted_session_key THEN NEW.encrypted_session_key ELSE b.encrypted_session_key END,
    sender_encrypted_content = CASE WHEN NEW.sender_encrypted_content IS DISTINCT FROM OLD.sender_encrypted_content THEN NEW.sender_encrypted_content ELSE b.sender_encrypted_content END,
    crypto_version = CASE WHEN NEW.crypto_version IS DISTINCT FROM OLD.crypto_version THEN NEW.crypto_version ELSE b.crypto_version END,
    encryption_algorithm = CASE WHEN NEW.encryption_algorithm IS DISTINCT FROM OLD.encryption_algorithm THEN NEW.encryption_algorithm ELSE b.encryption_algorithm END,
    kdf_algorithm = CASE WHEN NEW.kdf_algorithm IS DISTINCT FROM OLD.kdf_algorithm THEN NEW.kdf_algorithm ELSE b.kdf_algorithm END,
    signatures = CASE WHEN NEW.signatures::text IS DISTINCT FROM OLD.signatures::text THEN NEW.signatures ELSE b.signatures END,
    is_read = CASE WHEN NEW.is_read IS DISTINCT FROM OLD.is_read THEN NEW.is_read ELSE b.is_read END,
    is_deleted = CASE WHEN NEW.is_deleted IS DISTINCT FROM OLD.is_deleted THEN NEW.is_deleted ELSE b.is_deleted END,
    has_media = CASE WHEN NEW.has_media IS DISTINCT FROM OLD.has_media THEN NEW.has_media ELSE b.has_media END,
    created_at = CASE WHEN NEW.created_at IS DISTINCT FROM OLD.created_at THEN NEW.created_at AT TIME ZONE 'UTC' ELSE b.created_at END,
    updated_at = CASE WHEN NEW.updated_at IS DISTINCT FROM OLD.updated_at THEN NEW.updated_at AT TIME ZONE 'UTC' ELSE b.updated_at END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.messages b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_message.messages_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_message.messages
  FOR EACH ROW EXECUTE FUNCTION banyan_message.messages_update();

CREATE OR REPLACE FUNCTION banyan_message.messages_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.messages b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN OLD; END IF;
  SELECT b.xmin INTO current_version FROM public.messages b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_message.messages_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_message.messages
  FOR EACH ROW EXECUTE FUNCTION banyan_message.messages_delete();

COMMENT ON SCHEMA banyan_message IS 'banyan views 64aff47b795e677c';

COMMIT;

CREATE INDEX CONCURRENTLY IF NOT EXISTS banyan_messages_conversation ON public.messages (least(sender_id, recipient_id), greatest(sender_id, recipient_id), (COALESCE(created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC'), id);
