-- Decides whether Zero needs to be superuser for its next start. Zero installs event triggers when it starts for the
-- first time in a version, which only a superuser may; it needs no such right to run.
-- Variables: app_id, zero_version.
SELECT count(*) = 2 AS installed FROM pg_event_trigger
WHERE evtname IN (:'app_id' || '_ddl_start_0', :'app_id' || '_ddl_end_0') AND evtenabled <> 'D'
\gset
SELECT EXISTS (SELECT FROM ops.zero_promotions WHERE version = :'zero_version' AND demoted_at IS NOT NULL) AS demoted
\gset
\if :installed
\else
\set demoted false
\endif
\if :demoted
ALTER ROLE zero NOSUPERUSER;
\echo zero: version :zero_version has installed its event triggers; no superuser
\else
ALTER ROLE zero SUPERUSER;
INSERT INTO ops.zero_promotions (version) VALUES (:'zero_version')
-- A promotion still pending keeps its time: the Zero it was meant for may be running since.
ON CONFLICT (version) DO UPDATE SET demoted_at = NULL, promoted_at =
    CASE WHEN zero_promotions.demoted_at IS NULL THEN zero_promotions.promoted_at ELSE clock_timestamp() END;
\echo zero: superuser until version :zero_version has installed its event triggers
\endif
