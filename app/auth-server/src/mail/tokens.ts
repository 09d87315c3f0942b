import { createHash, randomBytes } from "node:crypto";
import type { PoolClient } from "pg";
import type { Database } from "../database.ts";

export type Purpose = "verify" | "reset";

const LIFETIME_SECONDS: Record<Purpose, number> = { verify: 2 * 86_400, reset: 3_600 };
// Whoever asks again may still use the link of the first mail, which may arrive last.
const KEPT_PER_ACCOUNT = 5;

/** The secrets in the links of mails: whoever has one has read a mail to the account's address. */
export class MailTokens {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  async issue(accountId: string, purpose: Purpose): Promise<string> {
    const token = randomBytes(32).toString("base64url");
    await this.#database.rows(
      `INSERT INTO auth.mail_token (digest, account_id, purpose, expires_at)
       VALUES ($1, $2, $3, now() + make_interval(secs => $4))`,
      [digest(token), accountId, purpose, LIFETIME_SECONDS[purpose]],
    );
    await this.#database.rows(
      `DELETE FROM auth.mail_token WHERE digest IN (
         SELECT digest FROM auth.mail_token WHERE account_id = $1 AND purpose = $2 ORDER BY expires_at DESC OFFSET $3)`,
      [accountId, purpose, KEPT_PER_ACCOUNT],
    );
    return token;
  }

  async isGood(token: string, purpose: Purpose): Promise<boolean> {
    const rows = await this.#database.rows(
      "SELECT 1 FROM auth.mail_token WHERE digest = $1 AND purpose = $2 AND expires_at > now()",
      [digest(token), purpose],
    );
    return rows.length === 1;
  }

  /** Uses the token up, and all others of its account for the same purpose: the account it is for, if it was good. */
  async redeem(client: PoolClient, token: string, purpose: Purpose): Promise<string | undefined> {
    const found = await client.query<{ account_id: string }>(
      "DELETE FROM auth.mail_token WHERE digest = $1 AND purpose = $2 AND expires_at > now() RETURNING account_id",
      [digest(token), purpose],
    );
    const account = found.rows[0]?.account_id;
    if (account !== undefined)
      await client.query("DELETE FROM auth.mail_token WHERE account_id = $1 AND purpose = $2", [account, purpose]);
    return account;
  }

  async sweep(): Promise<void> {
    await this.#database.rows("DELETE FROM auth.mail_token WHERE expires_at < now()");
  }
}

const digest = (token: string) => createHash("sha256").update(token).digest();
