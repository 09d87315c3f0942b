import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Family } from "../../../common/exposition.ts";
import { single } from "../../../common/exposition.ts";
import { errorText, type Log } from "../../../common/log.ts";
import type { LogShipping } from "../config.ts";
import { messageOf, type LogRecord, type Source } from "./record.ts";

type Waiting = { readonly source: Source; readonly record: LogRecord };

const BATCH = 500;
const BATCH_CHARACTERS = 1_000_000;
const MOST_WAITING = 2_000;
const MOST_CHARACTERS = 4_000_000;
/** Milliseconds: how long records are gathered for one request, and the pauses between requests that fail. */
export type Pace = { readonly gather: number; readonly firstRetry: number; readonly longestRetry: number };
const PACE: Pace = { gather: 1_000, firstRetry: 1_000, longestRetry: 60_000 };
const ANSWER_MS = 20_000;

/** How a receiver took a batch. */
type Outcome = "taken" | "refused" | "later";

/**
 * Sends records on, in their order. While the receiver does not take them they wait here, and when many wait whoever
 * reads logs is made to wait: the engine keeps what was not read, as far as its log files go.
 */
export class Shipper {
  readonly #stack: string;
  readonly #shipping: LogShipping;
  readonly #log: Log;
  readonly #url: URL;
  readonly #pace: Pace;
  #waiting: Waiting[] = [];
  #characters = 0;
  #room: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending = false;
  #stopped = false;
  #shipped = 0;
  #refused = 0;
  #failures = 0;
  #inARow = 0;

  constructor(stack: string, shipping: LogShipping, log: Log, pace = PACE) {
    this.#pace = pace;
    this.#stack = stack;
    this.#shipping = shipping;
    this.#log = log;
    this.#url = new URL(`${shipping.endpoint.pathname.replace(/\/$/, "")}/v1/logs`, shipping.endpoint);
  }

  /** Takes a record; resolves when there is room for the next one. */
  async put(source: Source, record: LogRecord): Promise<void> {
    this.#waiting.push({ source, record });
    this.#characters += record.body.stringValue.length;
    if (!this.#sending) this.#timer ??= setTimeout(() => void this.#send(), this.#pace.gather);
    if (this.#full) await new Promise<void>((resolve) => this.#room.push(resolve));
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#makeRoom();
  }

  families(): Family[] {
    return [
      single("log_records_shipped_total", "counter", "Log records that the receiver has taken.", this.#shipped),
      {
        name: "log_records_dropped_total",
        type: "counter",
        help: "Log records that the receiver refused for good.",
        samples: [{ labels: { reason: "refused" }, value: this.#refused }],
      },
      single("log_records_waiting", "gauge", "Log records read and not taken by the receiver yet.", this.#waiting.length),
      single("log_shipping_failures_total", "counter", "Requests to the receiver that failed; what they carried is sent again.", this.#failures),
    ];
  }

  get #full(): boolean {
    return this.#waiting.length >= MOST_WAITING || this.#characters >= MOST_CHARACTERS;
  }

  #makeRoom(): void {
    for (const resume of this.#room.splice(0)) resume();
  }

  async #send(): Promise<void> {
    this.#timer = undefined;
    this.#sending = true;
    while (this.#waiting.length > 0 && !this.#stopped) {
      const batch = this.#batch();
      const outcome = await this.#offer(messageOf(this.#stack, batch));
      if (outcome === "later") {
        this.#failures += 1;
        const pause = Math.min(this.#pace.longestRetry, this.#pace.firstRetry * 2 ** this.#inARow);
        this.#inARow += 1;
        if (!this.#stopped) this.#timer = setTimeout(() => void this.#send(), pause);
        return;
      }
      if (this.#inARow > 0) this.#log("info", "logs are taken again");
      this.#inARow = 0;
      if (outcome === "taken") this.#shipped += batch.length;
      else this.#refused += batch.length;
      this.#waiting = this.#waiting.slice(batch.length);
      this.#characters -= batch.reduce((sum, { record }) => sum + record.body.stringValue.length, 0);
      if (!this.#full) this.#makeRoom();
    }
    this.#sending = false;
  }

  #batch(): Waiting[] {
    let characters = 0;
    const end = this.#waiting.findIndex(({ record }, index) => {
      characters += record.body.stringValue.length;
      return index >= BATCH || (index > 0 && characters > BATCH_CHARACTERS);
    });
    return end === -1 ? [...this.#waiting] : this.#waiting.slice(0, end);
  }

  #offer(body: string): Promise<Outcome> {
    const payload = Buffer.from(body);
    const ask = this.#url.protocol === "https:" ? httpsRequest : httpRequest;
    return new Promise((resolve) => {
      const complain = (error: unknown) => {
        // Once for an outage: these lines are read as well.
        if (this.#inARow === 0) this.#log("warn", "logs are not taken; they wait", { error: errorText(error) });
        resolve("later");
      };
      const asked = ask(
        this.#url,
        {
          method: "POST",
          signal: AbortSignal.timeout(ANSWER_MS),
          headers: { ...this.#shipping.headers, "content-type": "application/json", "content-length": payload.length },
        },
        (answer) => {
          const status = answer.statusCode ?? 0;
          answer.on("error", () => undefined).resume();
          if (status >= 200 && status < 300) return resolve("taken");
          // Too many or too slow, a login that may be put right, or a fault of its own: another time, perhaps.
          if (status === 408 || status === 429 || status === 401 || status === 403 || status >= 500)
            return complain(new Error(`the receiver answered ${status}`));
          this.#log("warn", "the receiver refused logs; they are dropped", { status });
          resolve("refused");
        },
      );
      asked.on("error", complain);
      asked.end(payload);
    });
  }
}
