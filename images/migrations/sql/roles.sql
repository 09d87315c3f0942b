-- Roles, their passwords and the database. Run by the superuser in the database `postgres`; may be run again at any time.
-- Variables: db_name.
-- The passwords travel inside statements, so whatever could write statements down is switched off first.
\o /dev/null
SELECT set_config('log_statement', 'none', false), set_config('log_min_error_statement', 'panic', false),
       set_config('log_min_duration_statement', '-1', false), set_config('log_min_duration_sample', '-1', false),
       set_config('log_duration', 'off', false), set_config('pg_stat_statements.track', 'none', false);
SELECT pg_advisory_lock(hashtext('grocery migrations'));
\o
\set VERBOSITY terse

SELECT format('CREATE ROLE %I %s', role, options)
FROM (VALUES ('owner', 'NOLOGIN'), ('api', 'NOLOGIN'), ('api_a', 'LOGIN'), ('api_b', 'LOGIN'),
             ('zero', 'LOGIN REPLICATION'), ('monitor', 'LOGIN'), ('backup', 'LOGIN')) AS wanted (role, options)
WHERE role NOT IN (SELECT rolname FROM pg_roles)
\gexec

ALTER ROLE owner NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
ALTER ROLE api NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;
GRANT api TO api_a, api_b;

\set password `cat "$SECRETS_DIR/api_a_password"`
ALTER ROLE api_a LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
\set password `cat "$SECRETS_DIR/api_b_password"`
ALTER ROLE api_b LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD :'password';
-- The API's values travel beside its statements, never in them, and each statement begins with the id of the request it
-- is for: these alone may be logged, when they fail or take long.
ALTER ROLE api_a SET log_min_error_statement = 'error';
ALTER ROLE api_b SET log_min_error_statement = 'error';
ALTER ROLE api_a SET log_min_duration_statement = '1s';
ALTER ROLE api_b SET log_min_duration_statement = '1s';
\set password `cat "$SECRETS_DIR/zero_password"`
ALTER ROLE zero LOGIN NOCREATEDB NOCREATEROLE REPLICATION PASSWORD :'password';
\set password `cat "$SECRETS_DIR/monitor_password"`
-- Reads statistics of the server and no row of anybody. Its sessions are few and short, whatever asks for them.
ALTER ROLE monitor LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT 5 PASSWORD :'password';
ALTER ROLE monitor SET statement_timeout = '10s';
GRANT pg_monitor TO monitor;
\set password `cat "$SECRETS_DIR/backup_password"`
-- Proves backups: reads everything there is, as what comes back is compared with it, and marks moments. Replication is
-- how it learns to which place in the log a picture of the data belongs.
ALTER ROLE backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE REPLICATION CONNECTION LIMIT 5 PASSWORD :'password';
GRANT pg_read_all_data, pg_read_all_stats TO backup;
\unset password

SELECT format('CREATE DATABASE %I OWNER owner', :'db_name')
WHERE :'db_name' NOT IN (SELECT datname FROM pg_database)
\gexec
REVOKE ALL ON DATABASE :"db_name" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"db_name" TO api, monitor, backup;
-- Zero keeps its own schemas beside ours.
GRANT CONNECT, CREATE ON DATABASE :"db_name" TO zero;
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
