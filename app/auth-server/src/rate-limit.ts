const MOST_KEYS = 100_000;

/** A fixed window of requests per key, in this process's memory: a brake on floods, not a login throttle. */
export class RateLimit {
  readonly #windowMs: number;
  readonly #allowed: number;
  readonly #counts = new Map<string, number>();
  #windowEnds = 0;

  constructor(windowMs: number, allowed: number) {
    this.#windowMs = windowMs;
    this.#allowed = allowed;
  }

  /** Seconds to wait when `key` has used up its requests, otherwise undefined. `now` in milliseconds. */
  take(key: string, now = Date.now()): number | undefined {
    if (now >= this.#windowEnds) {
      this.#counts.clear();
      this.#windowEnds = now + this.#windowMs;
    }
    // A flood from very many addresses must not fill the memory; whoever is forgotten starts afresh.
    if (this.#counts.size >= MOST_KEYS && !this.#counts.has(key)) this.#counts.clear();
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count > this.#allowed ? Math.ceil((this.#windowEnds - now) / 1000) : undefined;
  }
}
