import type { FastifyBaseLogger } from "fastify";
import type { Config, Dsn } from "../config.ts";
import type { Metrics } from "../metrics.ts";
import { envelope, type Fault } from "./event.ts";

const TIMEOUT_MS = 5_000;
const MOST_AT_ONCE = 5;
/** More in a minute is one fault many times over, and would bury the others. */
const MOST_PER_MINUTE = 30;
const PAUSE_SECONDS = 60;

/** Tells an error tracker of faults, in the background, at its own expense: whatever goes wrong here stays here. */
export class Reporter {
  readonly #dsn: Dsn;
  readonly #config: Config;
  readonly #metrics: Metrics;
  readonly #log: FastifyBaseLogger;
  readonly #sending = new Set<Promise<void>>();
  #pausedUntil = 0;
  #minuteEnds = 0;
  #inThisMinute = 0;

  constructor(dsn: Dsn, parts: { config: Config; metrics: Metrics }, log: FastifyBaseLogger) {
    this.#dsn = dsn;
    this.#config = parts.config;
    this.#metrics = parts.metrics;
    this.#log = log;
  }

  /** A fault of this server. */
  error(thrown: unknown, where: string, requestId?: string): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    this.send({
      platform: "node",
      type: error.name,
      message: error.message,
      stack: error.stack ?? "",
      release: this.#config.version,
      where,
      ...(requestId === undefined ? {} : { requestId }),
    });
  }

  send(fault: Fault): void {
    if (this.#isTooMuch(Date.now())) {
      this.#metrics.errorReports.inc({ result: "dropped" });
      return;
    }
    const sending: Promise<void> = this.#post(envelope(fault, this.#config.NODE_ENV)).finally(() =>
      this.#sending.delete(sending),
    );
    this.#sending.add(sending);
  }

  /** Resolves when what is under way has ended, which each does in seconds. */
  async stop(): Promise<void> {
    await Promise.all(this.#sending);
  }

  #isTooMuch(now: number): boolean {
    if (now >= this.#minuteEnds) {
      this.#minuteEnds = now + 60_000;
      this.#inThisMinute = 0;
    }
    this.#inThisMinute += 1;
    return now < this.#pausedUntil || this.#inThisMinute > MOST_PER_MINUTE || this.#sending.size >= MOST_AT_ONCE;
  }

  async #post(body: string): Promise<void> {
    try {
      const response = await fetch(this.#dsn.endpoint, {
        method: "POST",
        headers: {
          "content-type": "application/x-sentry-envelope",
          "x-sentry-auth": `Sentry sentry_version=7, sentry_client=grocery-list/${this.#config.version}, sentry_key=${this.#dsn.key}`,
        },
        body,
        redirect: "error",
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await response.body?.cancel();
      if (response.status === 429) {
        const wanted = Number(response.headers.get("retry-after"));
        this.#pausedUntil = Date.now() + (wanted > 0 ? wanted : PAUSE_SECONDS) * 1000;
      }
      if (!response.ok) throw new Error(`the error tracker answered ${response.status}`);
      this.#metrics.errorReports.inc({ result: "sent" });
    } catch (error) {
      this.#metrics.errorReports.inc({ result: "failed" });
      this.#log.warn({ reason: error instanceof Error ? error.message : String(error) }, "an error could not be reported");
    }
  }
}
