import { createHash } from "node:crypto";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";

export class Throttled extends Error {
  readonly retryAfterSeconds: number;

  constructor(retryAfterSeconds: number) {
    super("too many attempts");
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

/** Counts login attempts per account name and per address, in the database, so that every replica counts together. */
export class Throttle {
  readonly #config: Config;
  readonly #database: Database;

  constructor(config: Config, database: Database) {
    this.#config = config;
    this.#database = database;
  }

  /**
   * Takes one attempt before the password is looked at, so that parallel guesses cannot slip through, and throws
   * `Throttled` when there is none left. Names without an account are counted alike, so the answer tells nothing.
   */
  async take(email: string, address: string): Promise<void> {
    await this.#count(key("address", address), this.#config.LOGIN_ATTEMPTS_PER_ADDRESS);
    await this.#count(key("account", email), this.#config.LOGIN_ATTEMPTS_PER_ACCOUNT);
  }

  /** A right password clears the account's count and gives the address its attempt back. */
  async forgive(email: string, address: string): Promise<void> {
    await this.#database.rows("DELETE FROM auth.throttle WHERE key = $1", [key("account", email)]);
    await this.#database.rows("UPDATE auth.throttle SET attempts = greatest(attempts - 1, 0) WHERE key = $1", [
      key("address", address),
    ]);
  }

  async sweep(): Promise<void> {
    await this.#database.rows(
      "DELETE FROM auth.throttle WHERE window_start < now() - make_interval(secs => $1)",
      [this.#config.LOGIN_WINDOW_MS / 1000],
    );
  }

  async #count(name: string, allowed: number): Promise<void> {
    const rows = await this.#database.rows<{ attempts: number; left: number }>(
      `INSERT INTO auth.throttle AS t (key, attempts, window_start) VALUES ($1, 1, now())
       ON CONFLICT (key) DO UPDATE SET
         attempts = CASE WHEN t.window_start < now() - make_interval(secs => $2) THEN 1 ELSE t.attempts + 1 END,
         window_start = CASE WHEN t.window_start < now() - make_interval(secs => $2) THEN now() ELSE t.window_start END
       RETURNING attempts,
         ceil(extract(epoch FROM t.window_start - now()) + $2)::int AS left`,
      [name, this.#config.LOGIN_WINDOW_MS / 1000],
    );
    const [row] = rows;
    if (row && row.attempts > allowed) throw new Throttled(Math.max(1, row.left));
  }
}

const key = (kind: "account" | "address", value: string) =>
  `${kind}:${createHash("sha256").update(value).digest("base64url")}`;
