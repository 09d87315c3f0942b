-- Who may do what inside the application's database. Run by the superuser there; may be run again at any time.
\o /dev/null
SELECT pg_advisory_lock(hashtext('grocery migrations'));
\o
SET client_min_messages = warning;

-- What operations keep book of; nobody but the superuser writes it, the markers aside.
CREATE SCHEMA IF NOT EXISTS ops;
CREATE TABLE IF NOT EXISTS ops.schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS ops.zero_promotions (
    version text PRIMARY KEY,
    promoted_at timestamptz NOT NULL DEFAULT now(),
    demoted_at timestamptz
);
-- Moments that whoever proves a backup looks for in what was restored.
CREATE TABLE IF NOT EXISTS ops.restore_markers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    label text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
GRANT USAGE ON SCHEMA ops TO backup;
GRANT SELECT, INSERT, DELETE ON ops.restore_markers TO backup;
GRANT EXECUTE ON FUNCTION pg_switch_wal(), pg_create_restore_point(text), pg_ls_archive_statusdir() TO backup;

-- The schema belongs to `owner`; what the API may touch is granted by the migrations, table by table. Zero reads every
-- table of `public`, since that is what it publishes.
GRANT CREATE, USAGE ON SCHEMA public TO owner;
GRANT USAGE ON SCHEMA public TO zero;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO zero;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA public GRANT SELECT ON TABLES TO zero;
-- Zero makes (and remakes) its schemas by itself. The API records mutations in them; and every later change of the
-- schema by `owner` runs Zero's event triggers, which read them.
ALTER DEFAULT PRIVILEGES FOR ROLE zero GRANT USAGE ON SCHEMAS TO api, owner;
ALTER DEFAULT PRIVILEGES FOR ROLE zero GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO api, owner;

-- fail(TEXT) ends the session's script with an error of our own wording.
CREATE FUNCTION pg_temp.fail(text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '%', $1; END $$;
