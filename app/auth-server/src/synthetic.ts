import { SYNTHETIC_EMAIL } from "@grocery/schema";
import { hash, verify } from "@node-rs/bcrypt";
import type { FastifyBaseLogger } from "fastify";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import { deleteAccount } from "./deletion.ts";

/** The account that monitoring logs in with has the same id wherever it is made. */
export const SYNTHETIC_ID = "5e7e71c0-9a5e-4b0d-8d1e-6f0c3a7b1d42";
const NAME = "Synthetic user";

const RETRY_MS = 5_000;
// Replicas with the password of before may have set it back while an update replaced them.
const AGAIN_MS = 15 * 60_000;

/**
 * Keeps the account that monitoring logs in with: makes it, and lets its password follow the secret. Nobody registers
 * it, no mail reaches it. Any number of replicas may do this at once.
 */
export class SyntheticUser {
  readonly #password: string;
  readonly #config: Config;
  readonly #database: Database;
  readonly #log: FastifyBaseLogger;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(password: string, { config, database }: { config: Config; database: Database }, log: FastifyBaseLogger) {
    this.#password = password;
    this.#config = config;
    this.#database = database;
    this.#log = log;
  }

  start(): void {
    this.#running = this.#turn();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #turn(): Promise<void> {
    let pause = AGAIN_MS;
    try {
      await this.#keep();
    } catch (error) {
      pause = RETRY_MS;
      this.#log.warn({ err: error }, "the synthetic user's account could not be looked after; trying again later");
    }
    if (!this.#stopped) this.#timer = setTimeout(() => this.start(), pause).unref();
  }

  async #keep(): Promise<void> {
    const [account] = await this.#database.rows<{ id: string; password_hash: string }>(
      "SELECT id, password_hash FROM auth.account WHERE email = $1",
      [SYNTHETIC_EMAIL],
    );
    if (account?.id === SYNTHETIC_ID && (await verify(this.#password, account.password_hash))) return;
    // Releases before let people register any address.
    if (account && account.id !== SYNTHETIC_ID) await deleteAccount(this.#database, { id: account.id, email: SYNTHETIC_EMAIL });
    const passwordHash = await hash(this.#password, { cost: this.#config.BCRYPT_ROUNDS });
    await this.#database.transaction(async (client) => {
      await client.query("INSERT INTO public.profile (id, name) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING", [SYNTHETIC_ID, NAME]);
      await client.query(
        `INSERT INTO auth.account (id, email, password_hash, verified_at) VALUES ($1, $2, $3, now())
         ON CONFLICT (id) DO UPDATE SET password_hash = EXCLUDED.password_hash`,
        [SYNTHETIC_ID, SYNTHETIC_EMAIL, passwordHash],
      );
      await client.query("UPDATE auth.session SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL", [SYNTHETIC_ID]);
    });
    this.#log.info("the synthetic user's account is ready");
  }
}

/**
 * Forgets the clients that the synthetic user had before the one that has just written. Zero keeps a row for each client
 * that ever wrote, and this user has a new one every minute.
 */
export async function forgetClientsBefore(database: Database, shardSchema: string, push: unknown): Promise<void> {
  const { clientGroupID, mutations } = (push ?? {}) as { clientGroupID?: unknown; mutations?: { clientID?: unknown }[] };
  const clientID = mutations?.[0]?.clientID;
  if (typeof clientGroupID !== "string" || typeof clientID !== "string") return;
  await database.rows(`DELETE FROM ${shardSchema}.clients WHERE "clientGroupID" = $1 AND "clientID" <> $2`, [clientGroupID, clientID]);
}
