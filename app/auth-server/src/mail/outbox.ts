import { reachableEmail } from "@grocery/schema";
import type { FastifyBaseLogger } from "fastify";
import type { Transporter } from "nodemailer";
import type { PoolClient } from "pg";
import type { Config, EmailConfig } from "../config.ts";
import type { Database } from "../database.ts";
import type { Metrics } from "../metrics.ts";
import { Poller } from "../poller.ts";
import type { Throttle } from "../throttle.ts";
import { message, type MailText } from "./messages.ts";
import type { MailTokens } from "./tokens.ts";
import { transportFor } from "./transport.ts";

export type MailKind = "registered" | "verify" | "reset" | "password-changed";

/** `old`: it has waited so long that nobody waits for it any more. */
type Row = { id: string; kind: MailKind; email: string; account_id: string | null; attempts: number; old: boolean };
type Account = { id: string; verified: boolean };

const POLL_MS = 5_000;
// Longer than all timeouts of one sending together: a row taken this long ago belongs to a process that has died.
const LEASE_SECONDS = 300;
const GIVEN_UP_AFTER = "1 day";
const FIRST_RETRY_SECONDS = 15;
const LONGEST_RETRY_SECONDS = 3_600;

/**
 * Mail that waits in the database, so that no answer waits for a mail server and none is lost when a process ends.
 * Each is taken before it is sent, by one replica; one whose taker died is sent again, so a mail may come twice.
 */
export class Outbox {
  readonly #config: Config;
  readonly #database: Database;
  readonly #tokens: MailTokens;
  readonly #throttle: Throttle;
  readonly #metrics: Metrics;
  readonly #log: FastifyBaseLogger;
  readonly #email: EmailConfig;
  readonly #transport: Transporter;
  readonly #poller: Poller;

  constructor(
    parts: { config: Config; database: Database; tokens: MailTokens; throttle: Throttle; metrics: Metrics },
    email: EmailConfig,
    log: FastifyBaseLogger,
  ) {
    this.#config = parts.config;
    this.#database = parts.database;
    this.#tokens = parts.tokens;
    this.#throttle = parts.throttle;
    this.#metrics = parts.metrics;
    this.#log = log;
    this.#email = email;
    this.#transport = transportFor(email);
    this.#poller = new Poller(() => this.#next(), POLL_MS, log);
  }

  /** Puts a mail in, as part of the caller's transaction; `wake` when that has ended. None to where no mail goes. */
  async add(client: PoolClient, kind: MailKind, email: string, accountId: string | null): Promise<void> {
    if (reachableEmail(email) === undefined) return;
    if (!(await this.#throttle.mayMail(client, email))) return;
    await client.query("INSERT INTO mail.outbox (kind, email, account_id) VALUES ($1, $2, $3)", [kind, email, accountId]);
  }

  wake(): void {
    this.#poller.wake();
  }

  async stop(): Promise<void> {
    await this.#poller.stop();
    this.#transport.close();
  }

  /** Forgets what waits for a mail server that was taken out of the settings. */
  static async sweep(database: Database): Promise<void> {
    await database.rows("DELETE FROM mail.outbox WHERE created_at < now() - 2 * $1::interval", [GIVEN_UP_AFTER]);
  }

  /** Sends the mail that is due longest; whether there was one. */
  async #next(): Promise<boolean> {
    const [row] = await this.#database.rows<Row>(
      `UPDATE mail.outbox SET attempts = attempts + 1, due_at = now() + make_interval(secs => $1)
        WHERE id = (SELECT id FROM mail.outbox WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING id, kind, email, account_id, attempts, created_at < now() - $2::interval AS old`,
      [LEASE_SECONDS, GIVEN_UP_AFTER],
    );
    if (!row) return false;
    const mail = await this.#text(row);
    if (!mail) {
      await this.#remove(row);
      this.#metrics.emails.inc({ result: "dropped" });
      return true;
    }
    const { subject, text } = message(mail, this.#config.pageOrigin);
    try {
      await this.#transport.sendMail({
        from: this.#email.from,
        to: { name: "", address: row.email },
        subject,
        text,
        headers: { "Auto-Submitted": "auto-generated", "X-Auto-Response-Suppress": "All" },
      });
    } catch (error) {
      await this.#failed(row, error);
      return true;
    }
    await this.#remove(row);
    this.#metrics.emails.inc({ result: "sent" });
    this.#log.info({ mail: row.id, kind: row.kind, attempts: row.attempts }, "mail sent");
    return true;
  }

  /** What to say, which depends on the account as it is now; undefined when there is nothing to say to anybody. */
  async #text(row: Row): Promise<MailText | undefined> {
    const [account] = await this.#database.rows<Account>(
      "SELECT id, verified_at IS NOT NULL AS verified FROM auth.account WHERE email = $1",
      [row.email],
    );
    if (!account) return undefined;
    const own = account.id === row.account_id;
    switch (row.kind) {
      case "registered":
        if (!own) return { is: "known" };
        return account.verified ? undefined : { is: "verify", token: await this.#tokens.issue(account.id, "verify") };
      case "verify":
        return account.verified || !own ? undefined : { is: "verify", token: await this.#tokens.issue(account.id, "verify") };
      case "reset":
        return { is: "reset", token: await this.#tokens.issue(account.id, "reset") };
      case "password-changed":
        return own ? { is: "password-changed" } : undefined;
    }
  }

  async #failed(row: Row, error: unknown): Promise<void> {
    if (isPermanent(error) || row.old) {
      await this.#remove(row);
      this.#metrics.emails.inc({ result: "failed" });
      this.#log.error({ err: withoutAddress(error), mail: row.id, attempts: row.attempts }, "a mail could not be sent; given up");
      return;
    }
    const pause = Math.min(LONGEST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (row.attempts - 1));
    const seconds = pause * (0.75 + Math.random() / 2);
    await this.#database.rows("UPDATE mail.outbox SET due_at = now() + make_interval(secs => $2) WHERE id = $1", [
      row.id,
      seconds,
    ]);
    this.#metrics.emails.inc({ result: "retried" });
    this.#log.warn(
      { err: withoutAddress(error), mail: row.id, attempts: row.attempts, seconds: Math.round(seconds) },
      "a mail could not be sent; trying again later",
    );
  }

  async #remove(row: Row): Promise<void> {
    await this.#database.rows("DELETE FROM mail.outbox WHERE id = $1", [row.id]);
  }
}

/**
 * Whether the mail server refused this mail or its recipient for good. A refused login or a missing STARTTLS says
 * nothing about the mail and may be put right.
 */
function isPermanent(error: unknown): boolean {
  if (!(error instanceof Error) || !("responseCode" in error) || !("code" in error)) return false;
  return Number(error.responseCode) >= 500 && (error.code === "EENVELOPE" || error.code === "EMESSAGE");
}

/** The error with what the server answered left out: it likes to repeat the address it was given. */
function withoutAddress(error: unknown): Error {
  const code = error instanceof Error && "code" in error ? String(error.code) : "unknown";
  const answer = error instanceof Error && "responseCode" in error ? ` (answer ${String(error.responseCode)})` : "";
  return Object.assign(new Error(`the mail server did not take it: ${code}${answer}`), { code });
}
