-- A device is told things for as long as the login lasts that asked for it: ending a session silences its device.
-- Devices from before, which no session answers for, ask again.
DELETE FROM push.subscription;
ALTER TABLE push.subscription
  ADD COLUMN session_id uuid NOT NULL REFERENCES auth.session (id) ON DELETE CASCADE;
CREATE INDEX subscription_session ON push.subscription (session_id);

-- Browsers know names of time zones that this database may not (Asia/Calcutta), so the server computes with them.
DROP FUNCTION push.silent_until(timestamptz, push.quiet);
