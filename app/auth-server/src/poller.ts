import type { FastifyBaseLogger } from "fastify";

/**
 * Does the work of a queue in the database: now and then, because another replica may have left something, and at once
 * when woken. One turn at a time; a turn says whether there may be more to do right away.
 */
export class Poller {
  readonly #turn: () => Promise<boolean>;
  readonly #intervalMs: number;
  readonly #log: FastifyBaseLogger;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #stopped = false;

  constructor(turn: () => Promise<boolean>, intervalMs: number, log: FastifyBaseLogger) {
    this.#turn = turn;
    this.#intervalMs = intervalMs;
    this.#log = log;
  }

  wake(): void {
    if (this.#stopped) return;
    this.#again = true;
    clearTimeout(this.#timer);
    this.#running ??= this.#run();
  }

  /** Resolves when the turn that is under way has ended; no other follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  async #run(): Promise<void> {
    while (this.#again && !this.#stopped) {
      this.#again = false;
      try {
        if (await this.#turn()) this.#again = true;
      } catch (error) {
        this.#log.warn({ err: error }, "a queue could not be worked on; trying again later");
      }
    }
    this.#running = undefined;
    if (!this.#stopped) this.#timer = setTimeout(() => this.wake(), this.#intervalMs).unref();
  }
}
