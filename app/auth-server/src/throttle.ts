import { createHash } from "node:crypto";
import type { PoolClient } from "pg";
import { addressKey } from "./addresses.ts";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";

export class Throttled extends Error {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super("too many attempts");
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

const HOUR = 3600;
const LONGEST_WINDOW = 24 * HOUR;

type Counted = { readonly attempts: number; readonly left: number };

/** Counts attempts per account name and per address, in the database, so that every replica counts together. */
export class Throttle {
  readonly #config: Config;
  readonly #database: Database;
  readonly #window: number;

  constructor(config: Config, database: Database) {
    this.#config = config;
    this.#database = database;
    this.#window = config.LOGIN_WINDOW_MS / 1000;
  }

  /**
   * Takes one attempt at a password before it is looked at, so that parallel guesses cannot slip through, and throws
   * `Throttled` when there is none left. Names without an account are counted alike, so the answer tells nothing.
   */
  async takePassword(email: string, ip: string): Promise<void> {
    await this.#take(key("address", addressKey(ip)), this.#config.LOGIN_ATTEMPTS_PER_ADDRESS);
    await this.#take(key("account", email), this.#config.LOGIN_ATTEMPTS_PER_ACCOUNT);
  }

  /** A right password clears the account's count and gives the address its attempt back. */
  async forgive(email: string, ip: string): Promise<void> {
    await this.#database.rows("DELETE FROM auth.throttle WHERE key = $1", [key("account", email)]);
    await this.#database.rows("UPDATE auth.throttle SET attempts = greatest(attempts - 1, 0) WHERE key = $1", [
      key("address", addressKey(ip)),
    ]);
  }

  takeRegistration(ip: string): Promise<void> {
    return this.#take(key("registration", addressKey(ip)), this.#config.REGISTRATIONS_PER_ADDRESS);
  }

  /** One request for a mail, or one try at a link. */
  takeMailRequest(ip: string): Promise<void> {
    return this.#take(key("mail-request", addressKey(ip)), this.#config.MAIL_REQUESTS_PER_ADDRESS);
  }

  /** Something costly that an account asks for itself, `allowed` times in a window. */
  takeOwn(what: string, accountId: string, allowed: number): Promise<void> {
    return this.#take(key(what, accountId), allowed);
  }

  /**
   * Whether one more mail may go to `email` in this hour, as part of the caller's transaction. No error: whoever asked
   * must not learn that others did.
   */
  async mayMail(client: PoolClient, email: string): Promise<boolean> {
    const { attempts } = await this.#count(key("recipient", email), HOUR, client);
    return attempts <= this.#config.MAILS_PER_RECIPIENT;
  }

  async sweep(): Promise<void> {
    await this.#database.rows("DELETE FROM auth.throttle WHERE window_start < now() - make_interval(secs => $1)", [
      LONGEST_WINDOW,
    ]);
  }

  async #take(name: string, allowed: number): Promise<void> {
    const { attempts, left } = await this.#count(name, this.#window);
    if (attempts > allowed) throw new Throttled(Math.max(1, left));
  }

  async #count(name: string, windowSeconds: number, on?: PoolClient): Promise<Counted> {
    const sql = `INSERT INTO auth.throttle AS t (key, attempts, window_start) VALUES ($1, 1, now())
       ON CONFLICT (key) DO UPDATE SET
         attempts = CASE WHEN t.window_start < now() - make_interval(secs => $2) THEN 1 ELSE t.attempts + 1 END,
         window_start = CASE WHEN t.window_start < now() - make_interval(secs => $2) THEN now() ELSE t.window_start END
       RETURNING attempts,
         ceil(extract(epoch FROM t.window_start - now()) + $2)::int AS left`;
    const values = [name, windowSeconds];
    const rows = on ? (await on.query<Counted>(sql, values)).rows : await this.#database.rows<Counted>(sql, values);
    return rows[0] ?? { attempts: 0, left: 0 };
  }
}

const key = (kind: string, value: string) => `${kind}:${createHash("sha256").update(value).digest("base64url")}`;
