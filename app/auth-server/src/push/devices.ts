import type { Database } from "../database.ts";
import { Refusal } from "../refusal.ts";
import type { Visitor } from "../visitors.ts";
import type { Quiet } from "./quiet.ts";

const MAX_DEVICES = 10;

export type Subscription = {
  readonly endpoint: string;
  readonly p256dh: string;
  readonly auth: string;
  readonly label: string;
};

/** `createdAt` in milliseconds since 1970; `current`: of the session that asks. */
export type Device = {
  readonly id: string;
  readonly label: string;
  readonly createdAt: number;
  readonly current: boolean;
};

/** The devices of accounts and when they want silence. Whoever asks speaks of their own and can name no other. */
export class Devices {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Tells this device from now on, and whose it was before no longer. The id stays while the account does. */
  async add({ user, sid }: Visitor, { endpoint, p256dh, auth, label }: Subscription): Promise<string> {
    return this.#database.transaction(async (client) => {
      // In line behind the account's other devices that come at the same moment.
      await client.query("SELECT FROM auth.account WHERE id = $1 FOR UPDATE", [user.id]);
      await client.query("DELETE FROM push.subscription WHERE endpoint = $1 AND account_id <> $2", [endpoint, user.id]);
      const others = await client.query(
        `SELECT FROM push.subscription JOIN auth.session ON session.id = session_id
          WHERE subscription.account_id = $1 AND endpoint <> $2
            AND session.revoked_at IS NULL AND session.expires_at > now()`,
        [user.id, endpoint],
      );
      if (others.rows.length >= MAX_DEVICES)
        throw new Refusal(409, "too_many_devices", `${MAX_DEVICES} devices are told already. Remove one of them first.`);
      const { rows } = await client.query<{ id: string }>(
        `INSERT INTO push.subscription (account_id, session_id, endpoint, p256dh, auth, label)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (endpoint) DO UPDATE SET session_id = $2, p256dh = $4, auth = $5, label = $6
          WHERE subscription.account_id = $1
         RETURNING id`,
        [user.id, sid, endpoint, p256dh, auth, label],
      );
      const [row] = rows;
      if (!row) throw new Refusal(409, "device_taken", "Somebody else is logging in on this device. Try again.");
      return row.id;
    });
  }

  async list({ user, sid }: Visitor): Promise<Device[]> {
    const rows = await this.#database.rows<{ id: string; label: string; created_at: Date; current: boolean }>(
      `SELECT subscription.id, label, subscription.created_at, session_id = $2 AS current
         FROM push.subscription JOIN auth.session ON session.id = session_id
        WHERE subscription.account_id = $1 AND session.revoked_at IS NULL AND session.expires_at > now()
        ORDER BY subscription.created_at, subscription.id`,
      [user.id, sid],
    );
    return rows.map(({ id, label, created_at, current }) => ({ id, label, createdAt: created_at.getTime(), current }));
  }

  async remove({ user }: Visitor, id: string): Promise<void> {
    await this.#database.rows("DELETE FROM push.subscription WHERE id = $1 AND account_id = $2", [id, user.id]);
  }

  async removeEndpoint({ user }: Visitor, endpoint: string): Promise<void> {
    await this.#database.rows("DELETE FROM push.subscription WHERE endpoint = $1 AND account_id = $2", [
      endpoint,
      user.id,
    ]);
  }

  async quiet({ user }: Visitor): Promise<Quiet | null> {
    const [row] = await this.#database.rows<Quiet>(
      `SELECT to_char(from_time, 'HH24:MI') AS "from", to_char(until_time, 'HH24:MI') AS "until", time_zone AS "timeZone"
         FROM push.quiet WHERE account_id = $1`,
      [user.id],
    );
    return row ?? null;
  }

  /** What waits for the end of the hours before is looked at again at once. */
  async setQuiet({ user }: Visitor, quiet: Quiet | null): Promise<void> {
    await this.#database.transaction(async (client) => {
      if (!quiet) await client.query("DELETE FROM push.quiet WHERE account_id = $1", [user.id]);
      else
        await client.query(
          `INSERT INTO push.quiet (account_id, from_time, until_time, time_zone) VALUES ($1, $2, $3, $4)
           ON CONFLICT (account_id) DO UPDATE SET from_time = $2, until_time = $3, time_zone = $4`,
          [user.id, quiet.from, quiet.until, quiet.timeZone],
        );
      // The devices' rows are locked before what waits for them, as senders do it.
      await client.query("SELECT FROM push.subscription WHERE account_id = $1 ORDER BY id FOR NO KEY UPDATE", [user.id]);
      await client.query(
        `UPDATE push.delivery SET due_at = now(), deadline = now() + interval '1 hour' FROM push.subscription
          WHERE subscription.id = subscription_id AND account_id = $1 AND state = 'queued' AND attempts = 0`,
        [user.id],
      );
    });
  }
}
