import { single, type Family } from "../../common/exposition.ts";

export const STEPS = ["login", "connect", "write", "sync", "logout"] as const;
export type Step = (typeof STEPS)[number];
/** Seconds that a turn took for each of its steps. `sync` is from the moment of writing. */
export type Times = { readonly login: number; readonly write: number; readonly sync: number };
export type Turn = { readonly times: Times } | { readonly failed: Step };

const BOUNDS = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15];

/** What is known of all turns so far. */
export class Figures {
  readonly #turns = { success: 0, failure: 0 };
  readonly #failures = new Map<Step, number>(STEPS.map((step) => [step, 0]));
  readonly #buckets = Array<number>(BOUNDS.length + 1).fill(0);
  #sum = 0;
  #last: Times | undefined;
  #lastSuccess: number | undefined;
  #up = 0;

  /** `now`: milliseconds since 1970. */
  note(turn: Turn, now = Date.now()): void {
    if ("failed" in turn) {
      this.#up = 0;
      this.#turns.failure += 1;
      this.#failures.set(turn.failed, (this.#failures.get(turn.failed) ?? 0) + 1);
      return;
    }
    this.#up = 1;
    this.#turns.success += 1;
    this.#last = turn.times;
    this.#lastSuccess = now / 1000;
    const { sync } = turn.times;
    const place = BOUNDS.findIndex((bound) => sync <= bound);
    const index = place === -1 ? BOUNDS.length : place;
    this.#buckets[index] = (this.#buckets[index] ?? 0) + 1;
    this.#sum += sync;
  }

  families(): Family[] {
    const gauge = (name: string, help: string, value: number | undefined): Family => ({
      name,
      type: "gauge",
      help,
      samples: value === undefined ? [] : [{ labels: {}, value }],
    });
    let total = 0;
    const buckets = this.#buckets.map((count, index) => {
      total += count;
      const bound = BOUNDS[index];
      const le = bound === undefined ? "+Inf" : String(bound);
      return { suffix: "_bucket" as const, labels: { le }, value: total };
    });
    return [
      single("synthetic_up", "gauge", "1 when the last turn succeeded in every step.", this.#up),
      {
        name: "synthetic_turns_total",
        type: "counter",
        help: "Turns by result.",
        samples: Object.entries(this.#turns).map(([result, value]) => ({ labels: { result }, value })),
      },
      {
        name: "synthetic_failures_total",
        type: "counter",
        help: "Turns that failed, by the step they failed in.",
        samples: [...this.#failures].map(([step, value]) => ({ labels: { step }, value })),
      },
      gauge("synthetic_login_seconds", "How long the last successful turn took to log in.", this.#last?.login),
      gauge("synthetic_write_seconds", "From writing to the server's word that it has it, in the last successful turn.", this.#last?.write),
      gauge("synthetic_sync_seconds", "From writing in one client to seeing it in another, in the last successful turn.", this.#last?.sync),
      gauge("synthetic_last_success_timestamp_seconds", "When a turn last succeeded, in seconds since 1970.", this.#lastSuccess),
      {
        name: "synthetic_sync_duration_seconds",
        type: "histogram",
        help: "From writing in one client to seeing it in another.",
        samples: [
          ...buckets,
          { suffix: "_sum", labels: {}, value: this.#sum },
          { suffix: "_count", labels: {}, value: total },
        ],
      },
    ];
  }
}
