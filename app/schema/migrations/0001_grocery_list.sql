-- Tables in `public` are replicated to every browser that may see their rows; each has a primary key, which
-- logical replication needs. Whatever must never leave the server lives in `auth`, which is not published.

CREATE TABLE public.profile (
  id   uuid PRIMARY KEY,
  name text NOT NULL CHECK (length(name) BETWEEN 1 AND 80)
);

CREATE TABLE public.list (
  id         uuid PRIMARY KEY,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
  owner_id   uuid NOT NULL REFERENCES public.profile (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX list_owner ON public.list (owner_id);

-- The owner is a member too, so that membership is one question.
CREATE TABLE public.list_member (
  list_id   uuid NOT NULL REFERENCES public.list (id) ON DELETE CASCADE,
  user_id   uuid NOT NULL REFERENCES public.profile (id) ON DELETE CASCADE,
  joined_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (list_id, user_id)
);
CREATE INDEX list_member_user ON public.list_member (user_id);

-- An invitation names an address, never an account: whether one exists is nobody's business but its owner's.
CREATE TABLE public.invitation (
  list_id    uuid NOT NULL REFERENCES public.list (id) ON DELETE CASCADE,
  email      text NOT NULL CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
  invited_by uuid NOT NULL REFERENCES public.profile (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (list_id, email)
);
CREATE INDEX invitation_email ON public.invitation (email);
CREATE INDEX invitation_inviter ON public.invitation (invited_by);

CREATE TABLE public.item (
  id         uuid PRIMARY KEY,
  list_id    uuid NOT NULL REFERENCES public.list (id) ON DELETE CASCADE,
  name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  quantity   text NOT NULL DEFAULT '' CHECK (length(quantity) <= 40),
  checked    boolean NOT NULL DEFAULT false,
  created_by uuid REFERENCES public.profile (id) ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX item_list ON public.item (list_id, created_at);
CREATE INDEX item_creator ON public.item (created_by);

CREATE SCHEMA auth;

CREATE TABLE auth.account (
  id            uuid PRIMARY KEY REFERENCES public.profile (id) ON DELETE CASCADE,
  email         text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
  password_hash text NOT NULL,
  created_at    timestamptz NOT NULL DEFAULT now()
);

-- One row a login. A refresh token names its session and a sequence number; only the newest number is good.
CREATE TABLE auth.session (
  id         uuid PRIMARY KEY,
  account_id uuid NOT NULL REFERENCES auth.account (id) ON DELETE CASCADE,
  sequence   integer NOT NULL DEFAULT 1,
  rotated_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz
);
CREATE INDEX session_account ON auth.session (account_id);
CREATE INDEX session_expiry ON auth.session (expires_at);

-- Keys are hashes of an address or of an account name, so the table tells nobody who tried to log in.
CREATE TABLE auth.throttle (
  key          text PRIMARY KEY,
  attempts     integer NOT NULL,
  window_start timestamptz NOT NULL
);
CREATE INDEX throttle_window ON auth.throttle (window_start);

GRANT USAGE ON SCHEMA public, auth TO api;
GRANT SELECT, INSERT, UPDATE, DELETE
  ON public.profile, public.list, public.list_member, public.invitation, public.item,
     auth.account, auth.session, auth.throttle
  TO api;

GRANT USAGE ON SCHEMA public TO zero;
GRANT SELECT ON public.profile, public.list, public.list_member, public.invitation, public.item TO zero;
