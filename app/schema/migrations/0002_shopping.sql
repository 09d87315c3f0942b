-- Archived and sorted lists, richer items, undo, "add again", and push notifications. Expand only: the server and the
-- pages of the release before know nothing of these columns and go on writing without them.

ALTER TABLE public.list
  ADD COLUMN archived_at timestamptz,
  ADD COLUMN item_order  text NOT NULL DEFAULT 'automatic' CHECK (item_order IN ('automatic', 'manual'));

ALTER TABLE public.list_member
  ADD COLUMN role text NOT NULL DEFAULT 'editor' CHECK (role IN ('owner', 'editor'));
UPDATE public.list_member AS member SET role = 'owner'
  FROM public.list WHERE list.id = member.list_id AND list.owner_id = member.user_id;

-- list.owner_id decides who owns a list. The role repeats it for whoever reads members, whoever wrote them.
CREATE FUNCTION public.list_member_role() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.role := CASE WHEN EXISTS (SELECT FROM public.list WHERE id = NEW.list_id AND owner_id = NEW.user_id)
                   THEN 'owner' ELSE 'editor' END;
  RETURN NEW;
END $$;
CREATE TRIGGER list_member_role BEFORE INSERT OR UPDATE ON public.list_member
  FOR EACH ROW EXECUTE FUNCTION public.list_member_role();

CREATE FUNCTION public.list_owner_roles() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE public.list_member SET role = role WHERE list_id = NEW.id AND user_id IN (OLD.owner_id, NEW.owner_id);
  RETURN NULL;
END $$;
CREATE TRIGGER list_owner_roles AFTER UPDATE OF owner_id ON public.list
  FOR EACH ROW WHEN (OLD.owner_id <> NEW.owner_id) EXECUTE FUNCTION public.list_owner_roles();

-- Categories are not enumerated here, so that a release may know more of them than the one before.
ALTER TABLE public.item
  ADD COLUMN unit       text NOT NULL DEFAULT '' CHECK (length(unit) <= 20),
  ADD COLUMN category   text NOT NULL DEFAULT '' CHECK (length(category) <= 40),
  ADD COLUMN note       text NOT NULL DEFAULT '' CHECK (length(note) <= 500),
  -- Compared byte by byte; '' stands at the end, by time of creation.
  ADD COLUMN position   text NOT NULL DEFAULT '' COLLATE "C" CHECK (position ~ '^([0-9A-Za-z]{0,99}[1-9A-Za-z])?$'),
  ADD COLUMN checked_by uuid REFERENCES public.profile (id) ON DELETE SET NULL,
  ADD COLUMN checked_at timestamptz;
CREATE INDEX item_checker ON public.item (checked_by);

-- Removed items, for undo: no browser reads them, so they are not in `public`. Housekeeping purges them after 30 days.
CREATE SCHEMA trash;
CREATE TABLE trash.item (
  LIKE public.item,
  removed_by uuid REFERENCES public.profile (id) ON DELETE SET NULL,
  removed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (id, list_id),
  FOREIGN KEY (list_id) REFERENCES public.list (id) ON DELETE CASCADE,
  FOREIGN KEY (checked_by) REFERENCES public.profile (id) ON DELETE SET NULL,
  FOREIGN KEY (created_by) REFERENCES public.profile (id) ON DELETE SET NULL
);
CREATE INDEX item_list ON trash.item (list_id);
CREATE INDEX item_age ON trash.item (removed_at);

-- What a list has had on it, for adding it again: one row a name, whatever its capitals.
CREATE TABLE public.remembered_item (
  list_id       uuid NOT NULL REFERENCES public.list (id) ON DELETE CASCADE,
  key           text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
  name          text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
  quantity      text NOT NULL DEFAULT '' CHECK (length(quantity) <= 40),
  unit          text NOT NULL DEFAULT '' CHECK (length(unit) <= 20),
  category      text NOT NULL DEFAULT '' CHECK (length(category) <= 40),
  times         integer NOT NULL DEFAULT 1,
  last_added_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (list_id, key)
);
CREATE INDEX remembered_item_recent ON public.remembered_item (list_id, last_added_at);

GRANT USAGE ON SCHEMA trash TO api;
GRANT SELECT, INSERT, UPDATE, DELETE ON trash.item, public.remembered_item TO api;
GRANT SELECT ON public.remembered_item TO zero;

-- Push notifications. Endpoints and keys of devices never leave the server, so nothing of this is in `public`.
CREATE SCHEMA push;

-- A browser that agreed to be told. Whoever logs in there last has it, and it is told things for as long as that login
-- lasts: ending a session silences its device.
CREATE TABLE push.subscription (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  account_id uuid NOT NULL REFERENCES auth.account (id) ON DELETE CASCADE,
  session_id uuid NOT NULL REFERENCES auth.session (id) ON DELETE CASCADE,
  endpoint   text NOT NULL UNIQUE CHECK (length(endpoint) <= 1000),
  p256dh     text NOT NULL CHECK (length(p256dh) <= 100),
  auth       text NOT NULL CHECK (length(auth) <= 40),
  label      text NOT NULL DEFAULT '' CHECK (length(label) <= 80),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX subscription_account ON push.subscription (account_id);
CREATE INDEX subscription_session ON push.subscription (session_id);

-- Hours of the day, in the account's own time zone, in which its devices stay silent. The server computes with them:
-- browsers know names of time zones that this database may not (Asia/Calcutta).
CREATE TABLE push.quiet (
  account_id uuid PRIMARY KEY REFERENCES auth.account (id) ON DELETE CASCADE,
  from_time  time NOT NULL,
  until_time time NOT NULL CHECK (until_time <> from_time),
  time_zone  text NOT NULL CHECK (length(time_zone) BETWEEN 1 AND 64)
);

-- Items just added that somebody wants to hear of, until they have settled into an event. An item removed meanwhile
-- takes its row along.
CREATE TABLE push.addition (
  item_id  uuid PRIMARY KEY REFERENCES public.item (id) ON DELETE CASCADE,
  list_id  uuid NOT NULL REFERENCES public.list (id) ON DELETE CASCADE,
  actor_id uuid NOT NULL REFERENCES public.profile (id) ON DELETE CASCADE,
  added_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX addition_group ON push.addition (list_id, actor_id);
CREATE INDEX addition_actor ON push.addition (actor_id);

-- "X added 3 items to Saturday."
CREATE TABLE push.event (
  id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  list_id    uuid NOT NULL REFERENCES public.list (id) ON DELETE CASCADE,
  actor_id   uuid NOT NULL REFERENCES public.profile (id) ON DELETE CASCADE,
  -- How many items, and the names of the first few of them.
  items      integer NOT NULL CHECK (items > 0),
  names      text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX event_list ON push.event (list_id);
CREATE INDEX event_actor ON push.event (actor_id);
CREATE INDEX event_age ON push.event (created_at);

-- One event for one device, never a second time: a row is claimed for good before anything is sent, and goes back to
-- `queued` only when it is certain that nothing was delivered.
CREATE TABLE push.delivery (
  event_id        uuid NOT NULL REFERENCES push.event (id) ON DELETE CASCADE,
  subscription_id uuid NOT NULL REFERENCES push.subscription (id) ON DELETE CASCADE,
  state           text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued', 'claimed', 'sent', 'failed')),
  attempts        integer NOT NULL DEFAULT 0,
  -- Not before this moment; and pointless after that one.
  due_at          timestamptz NOT NULL DEFAULT now(),
  deadline        timestamptz NOT NULL DEFAULT now() + interval '1 hour',
  PRIMARY KEY (event_id, subscription_id)
);
CREATE INDEX delivery_subscription ON push.delivery (subscription_id);
CREATE INDEX delivery_due ON push.delivery (due_at) WHERE state = 'queued';

GRANT USAGE ON SCHEMA push TO api;
GRANT SELECT, INSERT, UPDATE, DELETE
  ON push.subscription, push.quiet, push.addition, push.event, push.delivery
  TO api;
