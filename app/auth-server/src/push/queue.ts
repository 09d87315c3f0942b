import type { PoolClient } from "pg";
import type { Database } from "../database.ts";
import type { Addition } from "./message.ts";
import { silentUntil, type Quiet } from "./quiet.ts";

const MAX_ATTEMPTS = 5;
const FIRST_RETRY_SECONDS = 30;
const LONGEST_RETRY_SECONDS = 15 * 60;
/** So many times the quiet that ends a burst of additions, a burst that does not end is told of anyway. */
const LONGEST_SETTLING = 6;

/** One message for one device: everything that is due for it about one list. */
export type Claim = {
  readonly subscription: {
    readonly id: string;
    readonly endpoint: string;
    readonly p256dh: string;
    readonly auth: string;
  };
  readonly list: { readonly id: string; readonly name: string };
  /** Ids of the events, oldest first, and what they tell. */
  readonly events: readonly string[];
  readonly additions: readonly Addition[];
  /** How often the event tried most has been tried, this time included. */
  readonly attempts: number;
};

/** How many messages wait, and since how many seconds the one that is due longest has been due. */
export type Backlog = { readonly depth: number; readonly oldestSeconds: number };

type ClaimRow = {
  subscription_id: string;
  endpoint: string;
  p256dh: string;
  auth: string;
  list_id: string;
  list_name: string;
  events: string[];
  additions: Addition[];
  attempts: number;
};

/** How long to wait before attempt `attempts + 1`, between three and five quarters of a delay that grows fourfold. */
export function retryDelay(attempts: number, retryAfterSeconds: number | undefined, random = Math.random()): number {
  const delay = Math.min(FIRST_RETRY_SECONDS * 4 ** (attempts - 1), LONGEST_RETRY_SECONDS);
  return Math.max(delay * (0.75 + random / 2), retryAfterSeconds ?? 0);
}

/**
 * Additions, events and deliveries in the database, shared by every replica. A delivery is claimed before it is sent,
 * in a transaction of its own, and whoever claims it is the only one ever to send it, until it is put back because
 * nothing was sent for certain. A process that dies with a claim takes it to the grave: better silence than twice.
 */
export class Queue {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Makes events of what people added and have stopped adding to, and a delivery of each for every device to be told. */
  async settle(seconds: number): Promise<void> {
    await this.#database.rows(
      `WITH due AS (
         SELECT list_id, actor_id FROM push.addition
          WHERE (SELECT pg_try_advisory_xact_lock(hashtext('push settle'))) -- one replica at a time is enough
          GROUP BY list_id, actor_id
         HAVING max(added_at) <= clock_timestamp() - make_interval(secs => $1)
             OR min(added_at) <= clock_timestamp() - make_interval(secs => $2)
       ), settled AS (
         DELETE FROM push.addition USING due
          WHERE addition.list_id = due.list_id AND addition.actor_id = due.actor_id
         RETURNING addition.item_id, addition.list_id, addition.actor_id, addition.added_at
       ), made AS (
         INSERT INTO push.event (list_id, actor_id, items, names, created_at)
         SELECT settled.list_id, settled.actor_id, count(*),
                (array_agg(item.name ORDER BY settled.added_at, item.id))[1:3], min(settled.added_at)
           FROM settled JOIN public.item ON item.id = settled.item_id
          GROUP BY settled.list_id, settled.actor_id
         RETURNING id, list_id, actor_id
       )
       INSERT INTO push.delivery (event_id, subscription_id)
       SELECT made.id, subscription.id
         FROM made
         JOIN public.list_member AS member ON member.list_id = made.list_id AND member.user_id <> made.actor_id
         JOIN push.subscription ON subscription.account_id = member.user_id`,
      [seconds, seconds * LONGEST_SETTLING],
    );
  }

  /** Takes what is due for at most `limit` devices; tells how many of them were looked at. */
  async claim(limit: number): Promise<{ readonly devices: number; readonly claims: readonly Claim[] }> {
    return this.#database.transaction(async (client) => {
      // A device's row is the lock of all that is due for it, so that no two senders share it out between them.
      const locked = await client.query<{ id: string }>(
        `SELECT id FROM push.subscription
          WHERE EXISTS (SELECT FROM push.delivery WHERE delivery.subscription_id = subscription.id
                           AND delivery.state = 'queued' AND delivery.due_at <= now())
          LIMIT $1 FOR NO KEY UPDATE SKIP LOCKED`,
        [limit],
      );
      const devices = locked.rows.map(({ id }) => id);
      if (devices.length === 0) return { devices: 0, claims: [] };
      await holdInQuietHours(client, devices);
      await dropPointless(client, devices);
      const claimed = await client.query<ClaimRow>(
        `WITH claimed AS (
           UPDATE push.delivery SET state = 'claimed', attempts = attempts + 1
            WHERE subscription_id = ANY($1) AND state = 'queued' AND due_at <= now()
           RETURNING event_id, subscription_id, attempts
         )
         SELECT subscription.id AS subscription_id, subscription.endpoint, subscription.p256dh, subscription.auth,
                list.id AS list_id, list.name AS list_name, max(claimed.attempts) AS attempts,
                array_agg(event.id ORDER BY event.created_at, event.id) AS events,
                json_agg(json_build_object('actor', profile.name, 'items', event.items, 'names', event.names)
                         ORDER BY event.created_at, event.id) AS additions
           FROM claimed
           JOIN push.subscription ON subscription.id = claimed.subscription_id
           JOIN push.event ON event.id = claimed.event_id
           JOIN public.list ON list.id = event.list_id
           JOIN public.profile ON profile.id = event.actor_id
          GROUP BY subscription.id, list.id`,
        [devices],
      );
      const claims = claimed.rows.map((row) => ({
        subscription: { id: row.subscription_id, endpoint: row.endpoint, p256dh: row.p256dh, auth: row.auth },
        list: { id: row.list_id, name: row.list_name },
        events: row.events,
        additions: row.additions,
        attempts: row.attempts,
      }));
      return { devices: devices.length, claims };
    });
  }

  async finish(claim: Claim, state: "sent" | "failed"): Promise<void> {
    await this.#database.rows(
      "UPDATE push.delivery SET state = $3 WHERE subscription_id = $1 AND event_id = ANY($2)",
      [claim.subscription.id, claim.events, state],
    );
  }

  /** Puts back what was certainly not sent, to be tried again in so many seconds; whether any of it may be. */
  async putBack(claim: Claim, seconds: number): Promise<boolean> {
    const rows = await this.#database.rows<{ state: string }>(
      `UPDATE push.delivery
          SET due_at = now() + make_interval(secs => $3),
              state = CASE WHEN attempts >= $4 OR now() + make_interval(secs => $3) > deadline
                           THEN 'failed' ELSE 'queued' END
        WHERE subscription_id = $1 AND event_id = ANY($2) RETURNING state`,
      [claim.subscription.id, claim.events, seconds, MAX_ATTEMPTS],
    );
    return rows.some(({ state }) => state === "queued");
  }

  /** Forgets a device that its push service no longer knows. */
  async forget(claim: Claim): Promise<void> {
    await this.#database.rows("DELETE FROM push.subscription WHERE id = $1", [claim.subscription.id]);
  }

  async backlog(): Promise<Backlog> {
    const [row] = await this.#database.rows<{ depth: number; oldest: number }>(
      `SELECT count(*)::int AS depth,
              greatest(0, coalesce(extract(epoch FROM now() - min(due_at)), 0))::float8 AS oldest
         FROM push.delivery WHERE state = 'queued'`,
    );
    return { depth: row?.depth ?? 0, oldestSeconds: row?.oldest ?? 0 };
  }
}

/** Moves what is due to the end of its account's quiet hours; then all of a list's is due at once, and one message. */
async function holdInQuietHours(client: PoolClient, devices: readonly string[]): Promise<void> {
  const { rows } = await client.query<Quiet & { id: string; now: Date }>(
    `SELECT subscription.id, now(), time_zone AS "timeZone",
            to_char(from_time, 'HH24:MI') AS "from", to_char(until_time, 'HH24:MI') AS "until"
       FROM push.subscription JOIN push.quiet ON quiet.account_id = subscription.account_id
      WHERE subscription.id = ANY($1)`,
    [devices],
  );
  const silent = rows.flatMap(({ id, now, ...quiet }) => {
    const until = silentUntil(now.getTime(), quiet);
    return until === undefined ? [] : [{ id, until: new Date(until) }];
  });
  await client.query(
    `UPDATE push.delivery SET due_at = silent.until, deadline = silent.until + interval '1 hour'
       FROM unnest($1::uuid[], $2::timestamptz[]) AS silent (id, until)
      WHERE subscription_id = silent.id AND state = 'queued' AND due_at <= now()`,
    [silent.map(({ id }) => id), silent.map(({ until }) => until)],
  );
}

/** Gives up what is due but too late, or for somebody who has logged out there or is no longer on the list. */
async function dropPointless(client: PoolClient, devices: readonly string[]): Promise<void> {
  await client.query(
    `UPDATE push.delivery SET state = 'failed'
       FROM push.event, push.subscription JOIN auth.session ON session.id = subscription.session_id
      WHERE event.id = delivery.event_id AND subscription.id = delivery.subscription_id
        AND subscription.id = ANY($1) AND delivery.state = 'queued' AND delivery.due_at <= now()
        AND (delivery.deadline < now() OR session.revoked_at IS NOT NULL OR session.expires_at <= now()
             OR NOT EXISTS (SELECT FROM public.list_member AS member
                             WHERE member.list_id = event.list_id AND member.user_id = subscription.account_id))`,
    [devices],
  );
}
