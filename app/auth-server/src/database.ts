import { readFileSync } from "node:fs";
import type { ConnectionOptions } from "node:tls";
import type { FastifyBaseLogger } from "fastify";
import { Client, DatabaseError, Pool, type PoolClient, type QueryResultRow } from "pg";
import type { Config } from "./config.ts";
import { sqlComment } from "./request-id.ts";

const CONNECTION_CODES = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EPIPE",
  "ETIMEDOUT",
]);
// Connection exceptions, resources used up, cancelled or shut down, read-only after a failover, logins not there yet.
const UNAVAILABLE_STATES = /^(08|53|57|25006|28|3D000)/;
// Serialization failure and deadlock: the same transaction may well succeed when it is run again.
const RETRYABLE_STATES = new Set(["40001", "40P01"]);
const CONNECTION_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|not queryable|SSL|certificate/i;

/** Whether `error` says that the database could not be asked, rather than that the question was wrong. */
export function isUnavailable(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AggregateError && cause.errors.some(isUnavailable)) return true;
    if (cause instanceof DatabaseError) return UNAVAILABLE_STATES.test(cause.code ?? "");
    if ("code" in cause && typeof cause.code === "string" && CONNECTION_CODES.has(cause.code)) return true;
    if (CONNECTION_MESSAGES.test(cause.message)) return true;
  }
  return false;
}

/** Whether running the same transaction again may succeed. */
export function isRetryable(error: unknown): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof DatabaseError && RETRYABLE_STATES.has(cause.code ?? "")) return true;
  return false;
}

function tlsOptions(config: Config): ConnectionOptions | false {
  if (config.PGSSLMODE === "disable") return false;
  return {
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    // Given here, it replaces the public authorities instead of joining them: none of those may vouch for our database.
    ...(config.NODE_EXTRA_CA_CERTS === undefined ? {} : { ca: readFileSync(config.NODE_EXTRA_CA_CERTS, "utf8") }),
  };
}

/** A connection whose statements begin with `comment` while it is lent to somebody. */
class CommentingClient extends Client {
  comment = "";

  // One signature for all of the library's.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  override query(statement: any, ...rest: any[]): any {
    const text = typeof statement === "string" && this.comment !== "" ? this.comment + statement : statement;
    return super.query(text, ...rest);
  }
}

/** The connection pool, with what callers need to stay well-behaved while the database is away. */
export class Database {
  readonly pool: Pool;
  #answered = false;

  constructor(config: Config, log: FastifyBaseLogger) {
    this.pool = new Pool({
      Client: CommentingClient,
      host: config.DB_HOST,
      port: config.DB_PORT,
      database: config.DB_NAME,
      user: config.DB_USER,
      password: config.DB_PASSWORD,
      ssl: tlsOptions(config),
      max: config.DB_MAX_CONNECTIONS,
      idleTimeoutMillis: config.DB_IDLE_TIMEOUT,
      connectionTimeoutMillis: config.DB_CONNECTION_TIMEOUT,
      keepAlive: true,
      application_name: "auth-server",
      // The server gives up first, so that a slow statement does not go on behind a client that has left.
      statement_timeout: 5_000,
      query_timeout: 7_000,
      idle_in_transaction_session_timeout: 10_000,
    });
    // Without a listener an idle connection that breaks would end the process.
    this.pool.on("error", (error) => log.warn({ err: error }, "an idle database connection broke"));
  }

  /** True once the database has ever answered. */
  get hasAnswered(): boolean {
    return this.#answered;
  }

  /** One round trip; rejects when there is no answer within `milliseconds`. */
  async ping(milliseconds = 2_000): Promise<void> {
    const late = AbortSignal.timeout(milliseconds);
    const timeout = new Promise<never>((_, reject) => {
      late.addEventListener("abort", () => reject(new Error(`Connection terminated: no answer in ${milliseconds} ms`)));
    });
    await Promise.race([this.pool.query("SELECT 1"), timeout]);
    this.#answered = true;
  }

  async rows<Row extends QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.pool.query<Row>(sqlComment() + sql, [...values])).rows;
  }

  async transaction<Result>(work: (client: PoolClient) => Promise<Result>): Promise<Result> {
    const client: PoolClient & { comment?: string } = await this.pool.connect();
    client.comment = sqlComment();
    let broken: Error | undefined;
    // A connection that breaks while it is lent out reports that here, besides to the query; unheard, it would end the
    // process.
    const onError = (error: Error) => {
      broken = error;
    };
    client.on("error", onError);
    try {
      await client.query("BEGIN");
      const result = await work(client);
      await client.query("COMMIT");
      return result;
    } catch (error) {
      await client.query("ROLLBACK").catch((failure: Error) => {
        broken = failure;
      });
      throw error;
    } finally {
      client.off("error", onError);
      client.comment = "";
      client.release(broken);
    }
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
