import { randomBytes, randomUUID } from "node:crypto";
import { hash, verify } from "@node-rs/bcrypt";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import type { User } from "./sessions.ts";

/** Accounts and their passwords. Nothing here answers faster, or differently, for an address that has an account. */
export class Accounts {
  readonly #config: Config;
  readonly #database: Database;
  readonly #decoy: Promise<string>;

  constructor(config: Config, database: Database) {
    this.#config = config;
    this.#database = database;
    this.#decoy = this.#hash(randomBytes(16).toString("hex"));
  }

  /** Makes the account unless the address has one, which then stays as it is. */
  async register(email: string, password: string, name: string): Promise<void> {
    const passwordHash = await this.#hash(password);
    await this.#database.transaction(async (client) => {
      const id = randomUUID();
      await client.query("INSERT INTO public.profile (id, name) VALUES ($1, $2)", [id, name]);
      const made = await client.query(
        "INSERT INTO auth.account (id, email, password_hash) VALUES ($1, $2, $3) ON CONFLICT (email) DO NOTHING",
        [id, email, passwordHash],
      );
      if (made.rowCount === 0) await client.query("DELETE FROM public.profile WHERE id = $1", [id]);
    });
  }

  async authenticate(email: string, password: string): Promise<User | undefined> {
    const rows = await this.#database.rows<User & { password_hash: string }>(
      `SELECT account.id, account.email, profile.name, account.password_hash
         FROM auth.account JOIN public.profile ON profile.id = account.id WHERE account.email = $1`,
      [email],
    );
    const [account] = rows;
    const right = await verify(password, account?.password_hash ?? (await this.#decoy));
    return account && right ? { id: account.id, email: account.email, name: account.name } : undefined;
  }

  #hash(password: string): Promise<string> {
    return hash(password, { cost: this.#config.BCRYPT_ROUNDS });
  }
}
