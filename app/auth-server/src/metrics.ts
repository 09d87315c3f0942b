import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Database } from "./database.ts";

/** What Prometheus reads. Routes are labelled by template, never by path, so the number of series is bounded. */
export class Metrics {
  readonly registry = new Registry();
  readonly logins: Counter<"result">;
  readonly #requests: Histogram<"method" | "route" | "status">;

  constructor(version: string, database: Database) {
    const registers = [this.registry];
    collectDefaultMetrics({ register: this.registry });
    new Gauge({ name: "auth_server_build_info", help: "Always 1.", labelNames: ["version"], registers })
      .labels(version)
      .set(1);
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
    new Gauge({
      name: "db_pool_connections",
      help: "Connections of the database pool by state.",
      labelNames: ["state"],
      registers,
      collect() {
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
  }

  observe(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status: String(status) }, seconds);
  }
}
