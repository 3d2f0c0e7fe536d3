-- Generated from libs/migration/src/prepare/tables.ts: change that, build, run dist/migrations/legacy/generate.js.

BEGIN;

DO $body$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'banyan_auth') THEN
    CREATE ROLE banyan_auth NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- made at the same moment for another database of this server
END
$body$;
DO $body$
BEGIN
  IF NOT pg_has_role(current_user, 'banyan_auth', 'MEMBER') THEN
    GRANT banyan_auth TO CURRENT_USER;
  END IF;
END
$body$;
CREATE SCHEMA IF NOT EXISTS banyan_auth;
GRANT USAGE, CREATE ON SCHEMA banyan_auth TO banyan_auth;

DROP VIEW IF EXISTS banyan_auth.users;
CREATE VIEW banyan_auth.users AS SELECT
  b.id AS id,
  b.email AS email,
  b.username AS username,
  b.password_hash AS password_hash,
  COALESCE(NULLIF(b.role, ''), 'user')::varchar(20) AS role,
  COALESCE(b.is_active, true) AS is_active,
  COALESCE(b.is_verified, false) AS is_verified,
  (b.last_seen AT TIME ZONE 'UTC') AS last_seen,
  (COALESCE(b.created_at, '1970-01-01 00:00:00'::timestamp) AT TIME ZONE 'UTC') AS created_at,
  (b.updated_at AT TIME ZONE 'UTC') AS updated_at,
  b.xmin AS row_version
FROM public.users b;
ALTER VIEW banyan_auth.users ALTER COLUMN role SET DEFAULT 'user';
ALTER VIEW banyan_auth.users ALTER COLUMN is_active SET DEFAULT true;
ALTER VIEW banyan_auth.users ALTER COLUMN is_verified SET DEFAULT false;
ALTER VIEW banyan_auth.users ALTER COLUMN created_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_auth.users TO banyan_auth;

CREATE OR REPLACE FUNCTION banyan_auth.users_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO public.users (id, email, username, password_hash, role, is_active, is_verified, last_seen, created_at, updated_at, public_keys)
  VALUES (NEW.id, NEW.email, NEW.username, NEW.password_hash, NEW.role, NEW.is_active, NEW.is_verified, NEW.last_seen AT TIME ZONE 'UTC', NEW.created_at AT TIME ZONE 'UTC', NEW.updated_at AT TIME ZONE 'UTC', '[]')
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  INSERT INTO banyan_user.profile_pending (id) VALUES (NEW.id) ON CONFLICT DO NOTHING;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_auth.users_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_auth.users
  FOR EACH ROW EXECUTE FUNCTION banyan_auth.users_insert();

CREATE OR REPLACE FUNCTION banyan_auth.users_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.users b SET
    email = CASE WHEN NEW.email IS DISTINCT FROM OLD.email THEN NEW.email ELSE b.email END,
    username = CASE WHEN NEW.username IS DISTINCT FROM OLD.username THEN NEW.username ELSE b.username END,
    password_hash = CASE WHEN NEW.password_hash IS DISTINCT FROM OLD.password_hash THEN NEW.password_hash ELSE b.password_hash END,
    role = CASE WHEN NEW.role IS DISTINCT FROM OLD.role THEN NEW.role ELSE b.role END,
    is_active = CASE WHEN NEW.is_active IS DISTINCT FROM OLD.is_active THEN NEW.is_active ELSE b.is_active END,
    is_verified = CASE WHEN NEW.is_verified IS DISTINCT FROM OLD.is_verified THEN NEW.is_verified ELSE b.is_verified END,
    last_seen = CASE WHEN NEW.last_seen IS DISTINCT FROM OLD.last_seen THEN NEW.last_seen AT TIME ZONE 'UTC' ELSE b.last_seen END,
    created_at = CASE WHEN NEW.created_at IS DISTINCT FROM OLD.created_at THEN NEW.created_at AT TIME ZONE 'UTC' ELSE b.created_at END,
    updated_at = CASE WHEN NEW.updated_at IS DISTINCT FROM OLD.updated_at THEN NEW.updated_at AT TIME ZONE 'UTC' ELSE b.updated_at END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.users b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_auth.users_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_auth.users
  FOR EACH ROW EXECUTE FUNCTION banyan_auth.users_update();

CREATE OR REPLACE FUNCTION banyan_auth.users_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM banyan_user.profile_pending WHERE id = OLD.id;
  PERFORM FROM public.users b WHERE b.id = OLD.id AND b.xmin = OLD.row_version FOR UPDATE;
  IF FOUND THEN
    DELETE FROM public.group_read_receipts WHERE user_id = OLD.id;
    DELETE FROM public.group_messages WHERE sender_id = OLD.id;
    UPDATE public.group_members SET added_by = NULL WHERE added_by = OLD.id;
    DELETE FROM public.groups WHERE admin_id = OLD.id;
    DELETE FROM public.invitations WHERE inviter_id = OLD.id;
    DELETE FROM public.users WHERE id = OLD.id;
    RETURN OLD;
  END IF;
  SELECT b.xmin INTO current_version FROM public.users b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_auth.users_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_auth.users
  FOR EACH ROW EXECUTE FUNCTION banyan_auth.users_delete();

DROP VIEW IF EXISTS banyan_auth.deleted_users;
CREATE VIEW banyan_auth.deleted_users AS SELECT
  b.id AS id,
  b.email AS email,
  b.username AS username,
  (b.deleted_at AT TIME ZONE 'UTC') AS deleted_at,
  b.deleted_by_admin_id AS deleted_by_admin_id,
  b.xmin AS row_version
FROM public.deleted_users b;
ALTER VIEW banyan_auth.deleted_users ALTER COLUMN deleted_at SET DEFAULT clock_timestamp();
GRANT SELECT, INSERT, UPDATE, DELETE ON banyan_auth.deleted_users TO banyan_auth;

CREATE OR REPLACE FUNCTION banyan_auth.deleted_users_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
BEGIN
  INSERT INTO public.deleted_users (id, email, username, deleted_at, deleted_by_admin_id)
  VALUES (NEW.id, NEW.email, NEW.username, NEW.deleted_at AT TIME ZONE 'UTC', NEW.deleted_by_admin_id)
  ON CONFLICT DO NOTHING;
  IF NOT FOUND THEN RETURN NULL; END IF;
  RETURN NEW;
END
$body$;
REVOKE ALL ON FUNCTION banyan_auth.deleted_users_insert() FROM PUBLIC;
CREATE TRIGGER banyan_insert INSTEAD OF INSERT ON banyan_auth.deleted_users
  FOR EACH ROW EXECUTE FUNCTION banyan_auth.deleted_users_insert();

CREATE OR REPLACE FUNCTION banyan_auth.deleted_users_update() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  IF NEW.id <> OLD.id THEN RAISE EXCEPTION 'an id never changes' USING ERRCODE = 'feature_not_supported'; END IF;
  UPDATE public.deleted_users b SET
    email = CASE WHEN NEW.email IS DISTINCT FROM OLD.email THEN NEW.email ELSE b.email END,
    username = CASE WHEN NEW.username IS DISTINCT FROM OLD.username THEN NEW.username ELSE b.username END,
    deleted_at = CASE WHEN NEW.deleted_at IS DISTINCT FROM OLD.deleted_at THEN NEW.deleted_at AT TIME ZONE 'UTC' ELSE b.deleted_at END,
    deleted_by_admin_id = CASE WHEN NEW.deleted_by_admin_id IS DISTINCT FROM OLD.deleted_by_admin_id THEN NEW.deleted_by_admin_id ELSE b.deleted_by_admin_id END
  WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN NEW; END IF;
  SELECT b.xmin INTO current_version FROM public.deleted_users b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_auth.deleted_users_update() FROM PUBLIC;
CREATE TRIGGER banyan_update INSTEAD OF UPDATE ON banyan_auth.deleted_users
  FOR EACH ROW EXECUTE FUNCTION banyan_auth.deleted_users_update();

CREATE OR REPLACE FUNCTION banyan_auth.deleted_users_delete() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
DECLARE current_version xid;
BEGIN
  DELETE FROM public.deleted_users b WHERE b.id = OLD.id AND b.xmin = OLD.row_version;
  IF FOUND THEN RETURN OLD; END IF;
  SELECT b.xmin INTO current_version FROM public.deleted_users b WHERE b.id = OLD.id;
  IF NOT FOUND OR current_version = pg_current_xact_id()::xid THEN RETURN NULL; END IF;
  RAISE EXCEPTION 'row changed since the statement read it' USING ERRCODE = 'serialization_failure';
END
$body$;
REVOKE ALL ON FUNCTION banyan_auth.deleted_users_delete() FROM PUBLIC;
CREATE TRIGGER banyan_delete INSTEAD OF DELETE ON banyan_auth.deleted_users
  FOR EACH ROW EXECUTE FUNCTION banyan_auth.deleted_users_delete();

COMMENT ON SCHEMA banyan_auth IS 'banyan views 4e57ca886cc01f17';

COMMIT;
