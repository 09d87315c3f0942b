-- Accounts that their owners can look after: verified addresses, sessions with a name, and mail that waits to be sent.

ALTER TABLE auth.account ADD COLUMN verified_at timestamptz;

-- What a person recognises a login by, such as "Firefox on Linux"; '' for logins from before.
ALTER TABLE auth.session
  ADD COLUMN client       text        NOT NULL DEFAULT '' CHECK (length(client) <= 60),
  ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now();
CREATE INDEX session_use ON auth.session (last_used_at) WHERE revoked_at IS NULL;

-- What a link in a mail proves. Only a digest is kept: the table lets nobody in.
CREATE TABLE auth.mail_token (
  digest     bytea PRIMARY KEY CHECK (length(digest) = 32),
  account_id uuid NOT NULL REFERENCES auth.account (id) ON DELETE CASCADE,
  purpose    text NOT NULL CHECK (purpose IN ('verify', 'reset')),
  expires_at timestamptz NOT NULL
);
CREATE INDEX mail_token_account ON auth.mail_token (account_id);
CREATE INDEX mail_token_expiry ON auth.mail_token (expires_at);

CREATE SCHEMA mail;

-- Mail to be sent. A row names an address and not what the mail will say: whether that address has an account, and
-- the token of its link, are found out when it is sent, so that asking for a mail takes equally long for everyone.
CREATE TABLE mail.outbox (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text NOT NULL CHECK (kind IN ('registered', 'verify', 'reset', 'password-changed')),
  email      text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
  -- The account that asked, or that was to be made; NULL when nobody was logged in.
  account_id uuid,
  attempts   integer NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now(),
  -- Not before this moment. Whoever takes a row moves it on, so that the row is another's to try should he die.
  due_at     timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX outbox_due ON mail.outbox (due_at);

GRANT USAGE ON SCHEMA mail TO api;
GRANT SELECT, INSERT, UPDATE, DELETE ON auth.mail_token, mail.outbox TO api;
