-- Takes Zero's superuser right away as soon as a Zero that was started with it replicates and its event triggers exist.
-- Variables: app_id, zero_version. Prints `demoted` or `waiting`.
-- A replication that is young may be that of the Zero before, which came back after a restart of the server and is about
-- to be stopped by the same release; one that has lasted is the new one's.
BEGIN;
SELECT (
    SELECT count(*) = 2 FROM pg_event_trigger
    WHERE evtname IN (:'app_id' || '_ddl_start_0', :'app_id' || '_ddl_end_0') AND evtenabled <> 'D'
) AND EXISTS (
    SELECT FROM pg_stat_replication AS sender
    JOIN ops.zero_promotions AS promotion ON promotion.version = :'zero_version'
    WHERE sender.usename = 'zero' AND sender.state = 'streaming' AND sender.backend_start > promotion.promoted_at
      AND sender.backend_start < clock_timestamp() - interval '15 seconds'
) AS ready
\gset
\if :ready
ALTER ROLE zero NOSUPERUSER;
UPDATE ops.zero_promotions SET demoted_at = clock_timestamp() WHERE version = :'zero_version';
COMMIT;
\echo demoted
\else
ROLLBACK;
\echo waiting
\endif
