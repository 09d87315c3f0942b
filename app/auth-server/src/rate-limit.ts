/** A fixed window of requests per address, in this process's memory: a brake on floods, not a login throttle. */
export class RateLimit {
  readonly #windowMs: number;
  readonly #allowed: number;
  readonly #counts = new Map<string, number>();
  #windowEnds = 0;

  constructor(windowMs: number, allowed: number) {
    this.#windowMs = windowMs;
    this.#allowed = allowed;
  }

  /** Seconds to wait when `address` has used up its requests, otherwise undefined. `now` in milliseconds. */
  take(address: string, now = Date.now()): number | undefined {
    if (now >= this.#windowEnds) {
      this.#counts.clear();
      this.#windowEnds = now + this.#windowMs;
    }
    const count = (this.#counts.get(address) ?? 0) + 1;
    this.#counts.set(address, count);
    return count > this.#allowed ? Math.ceil((this.#windowEnds - now) / 1000) : undefined;
  }
}
