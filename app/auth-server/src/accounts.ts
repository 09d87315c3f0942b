import { randomBytes, randomUUID } from "node:crypto";
import { hash, verify } from "@node-rs/bcrypt";
import type { PoolClient } from "pg";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import type { Outbox } from "./mail/outbox.ts";
import type { MailTokens } from "./mail/tokens.ts";
import { USER_COLUMNS, type User } from "./sessions.ts";

type Parts = {
  readonly config: Config;
  readonly database: Database;
  readonly mailTokens: MailTokens;
  /** Undefined where no mail can be sent. */
  readonly outbox: Outbox | undefined;
};

/** Accounts and their passwords. Nothing here answers faster, or differently, for an address that has an account. */
export class Accounts {
  readonly #config: Config;
  readonly #database: Database;
  readonly #mailTokens: MailTokens;
  readonly #outbox: Outbox | undefined;
  readonly #decoy: Promise<string>;

  constructor({ config, database, mailTokens, outbox }: Parts) {
    this.#config = config;
    this.#database = database;
    this.#mailTokens = mailTokens;
    this.#outbox = outbox;
    this.#decoy = this.#hash(randomBytes(16).toString("hex"));
  }

  /** Makes the account unless the address has one, which then stays as it is; its owner is told by mail. */
  async register(email: string, password: string, name: string): Promise<void> {
    const passwordHash = await this.#hash(password);
    await this.#database.transaction(async (client) => {
      const id = randomUUID();
      // One statement, the same one whether the address is taken; then it makes nothing.
      await client.query(
        `WITH made AS (
           INSERT INTO auth.account (id, email, password_hash) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING RETURNING id
         ) INSERT INTO public.profile (id, name) SELECT id, $4 FROM made`,
        [id, email, passwordHash, name],
      );
      await this.#outbox?.add(client, "registered", email, id);
    });
    this.#outbox?.wake();
  }

  async authenticate(email: string, password: string): Promise<User | undefined> {
    const rows = await this.#database.rows<User & { password_hash: string }>(
      `SELECT ${USER_COLUMNS}, account.password_hash
         FROM auth.account JOIN public.profile ON profile.id = account.id WHERE account.email = $1`,
      [email],
    );
    const [account] = rows;
    const right = await verify(password, account?.password_hash ?? (await this.#decoy));
    if (!account || !right) return undefined;
    const { password_hash: stored, ...user } = account;
    if (costOf(stored) !== this.#config.BCRYPT_ROUNDS) await this.#renew(user.id, stored, password);
    return user;
  }

  async rename(id: string, name: string): Promise<void> {
    await this.#database.rows("UPDATE public.profile SET name = $2 WHERE id = $1", [id, name]);
  }

  /** Sets the password and ends every session but `keep`; what was mailed for a reset is void. */
  async changePassword(user: User, next: string, keep: string): Promise<void> {
    const passwordHash = await this.#hash(next);
    await this.#database.transaction((client) => this.#setPassword(client, user.id, user.email, passwordHash, keep));
    this.#outbox?.wake();
  }

  /** Asks for a mail with a link to a new password, if the address has an account. The same work whether it has one. */
  async requestReset(email: string): Promise<void> {
    await this.#database.transaction(async (client) => this.#outbox?.add(client, "reset", email, null));
    this.#outbox?.wake();
  }

  async requestVerification(user: User): Promise<void> {
    await this.#database.transaction(async (client) => this.#outbox?.add(client, "verify", user.email, user.id));
    this.#outbox?.wake();
  }

  /** Whether the token was good; its account's address is then known to be its owner's. */
  async verifyEmail(token: string): Promise<boolean> {
    return this.#database.transaction(async (client) => {
      const id = await this.#mailTokens.redeem(client, token, "verify");
      if (id === undefined) return false;
      await client.query("UPDATE auth.account SET verified_at = coalesce(verified_at, now()) WHERE id = $1", [id]);
      return true;
    });
  }

  /** The address whose password was set, or undefined when the token was not good. Ends all sessions. */
  async resetPassword(token: string, password: string): Promise<string | undefined> {
    // A bad token must not cost the time of a hash, and a good one must not hold a transaction open for it.
    if (!(await this.#mailTokens.isGood(token, "reset"))) return undefined;
    const passwordHash = await this.#hash(password);
    const email = await this.#database.transaction(async (client) => {
      const id = await this.#mailTokens.redeem(client, token, "reset");
      if (id === undefined) return undefined;
      // Reading the mail proves what verification asks for.
      const found = await client.query<{ email: string }>(
        "UPDATE auth.account SET verified_at = coalesce(verified_at, now()) WHERE id = $1 RETURNING email",
        [id],
      );
      const address = found.rows[0]?.email;
      if (address !== undefined) await this.#setPassword(client, id, address, passwordHash);
      return address;
    });
    this.#outbox?.wake();
    return email;
  }

  async #setPassword(client: PoolClient, id: string, email: string, passwordHash: string, keep?: string): Promise<void> {
    await client.query("UPDATE auth.account SET password_hash = $2 WHERE id = $1", [id, passwordHash]);
    await client.query("DELETE FROM auth.mail_token WHERE account_id = $1 AND purpose = 'reset'", [id]);
    await client.query(
      `UPDATE auth.session SET revoked_at = now()
        WHERE account_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $2::uuid`,
      [id, keep ?? null],
    );
    await this.#outbox?.add(client, "password-changed", email, id);
  }

  /** Once the cost in the settings changes, hashes follow as their owners log in. */
  async #renew(id: string, stored: string, password: string): Promise<void> {
    await this.#database.rows("UPDATE auth.account SET password_hash = $3 WHERE id = $1 AND password_hash = $2", [
      id,
      stored,
      await this.#hash(password),
    ]);
  }

  #hash(password: string): Promise<string> {
    return hash(password, { cost: this.#config.BCRYPT_ROUNDS });
  }
}

const costOf = (passwordHash: string) => Number(passwordHash.split("$")[2]);
