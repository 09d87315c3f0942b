import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Database } from "./database.ts";
import { SYNTHETIC_ID } from "./synthetic.ts";

const ACTIVE_USERS_CACHE_MS = 30_000;

async function countActiveUsers(database: Database): Promise<number | undefined> {
  // Before the first answer of the database a scrape would only wait for it.
  if (!database.hasAnswered) return undefined;
  try {
    const rows = await database.rows<{ count: number }>(
      `SELECT count(DISTINCT account_id)::int AS count FROM auth.session
        WHERE revoked_at IS NULL AND last_used_at > now() - interval '15 minutes' AND account_id <> $1`,
      [SYNTHETIC_ID],
    );
    return rows[0]?.count;
  } catch {
    return undefined;
  }
}

/** `find`, asked again once its last answer is older than `milliseconds`. */
function cached<Value>(milliseconds: number, find: () => Promise<Value>): () => Promise<Value> {
  let last: Promise<Value> | undefined;
  let askedAt = 0;
  return () => {
    const now = Date.now();
    if (!last || now - askedAt >= milliseconds) {
      askedAt = now;
      last = find();
    }
    return last;
  };
}

/** What Prometheus reads. Routes are labelled by template, never by path, so the number of series is bounded. */
export class Metrics {
  readonly registry = new Registry();
  readonly logins: Counter<"result">;
  readonly emails: Counter<"result">;
  readonly errorReports: Counter<"result">;
  /** Kinds are the codes of refusals: as many as the source names. */
  readonly errors: Counter<"kind">;
  readonly #requests: Histogram<"method" | "route" | "status">;

  constructor(version: string, database: Database) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    for (const name of ["build_info", "auth_server_build_info"])
      new Gauge({ name, help: "Always 1.", labelNames: ["version"], registers }).labels(version).set(1);
    this.#requests = new Histogram({
      name: "http_request_duration_seconds",
      help: "Time from a request's first byte to the end of its answer.",
      labelNames: ["method", "route", "status"],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
      registers,
    });
    this.logins = new Counter({
      name: "auth_login_attempts_total",
      help: "Login attempts by result: success, failure or throttled.",
      labelNames: ["result"],
      registers,
    });
    this.emails = new Counter({
      name: "emails_total",
      help: "Mails by result: sent, retried, failed, or dropped because there was nobody to tell anything.",
      labelNames: ["result"],
      registers,
    });
    this.errorReports = new Counter({
      name: "error_reports_total",
      help: "Reports to the error tracker by result: sent, failed, or dropped because there were too many.",
      labelNames: ["result"],
      registers,
    });
    this.errors = new Counter({
      name: "http_errors_total",
      help: "Answers that are not success, by the code they carry.",
      labelNames: ["kind"],
      registers,
    });
    new Gauge({
      name: "db_pool_connections",
      help: "Connections of the database pool by state.",
      labelNames: ["state"],
      registers,
      collect() {
        this.set({ state: "total" }, database.pool.totalCount);
        this.set({ state: "idle" }, database.pool.idleCount);
        this.set({ state: "used" }, database.pool.totalCount - database.pool.idleCount);
      },
    });
    new Gauge({
      name: "db_pool_waiting",
      help: "Requests waiting for a connection of the database pool.",
      registers,
      collect() {
        this.set(database.pool.waitingCount);
      },
    });
    new Gauge({
      name: "db_pool_max",
      help: "Most connections the database pool may open.",
      registers,
      collect() {
        this.set(database.pool.options.max);
      },
    });
    // Last, since it takes a connection of the pool that the gauges above count.
    const activeUsers = cached(ACTIVE_USERS_CACHE_MS, () => countActiveUsers(database));
    new Gauge({
      name: "active_users",
      help: "Accounts that used a session in the last 15 minutes, as the database knows: the same from every replica. Monitoring's own is not counted.",
      registers,
      async collect() {
        const count = await activeUsers();
        // Unknown is not none.
        this.remove();
        if (count !== undefined) this.set(count);
      },
    });
  }

  observe(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status: String(status) }, seconds);
  }
}
