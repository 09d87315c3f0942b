import { createHash } from "node:crypto";
import type { FastifyBaseLogger } from "fastify";
import { Counter, Gauge } from "prom-client";
import webPush from "web-push";
import type { PushConfig } from "../config.ts";
import type { Database } from "../database.ts";
import type { Metrics } from "../metrics.ts";
import { Poller } from "../poller.ts";
import { message } from "./message.ts";
import { post, type Outcome } from "./post.ts";
import { Queue, retryDelay, type Backlog, type Claim } from "./queue.ts";
import { knownEndpoint } from "./services.ts";

const POLL_MS = 2_000;
const DEVICES_AT_ONCE = 20;
/** Less than the process is given to end in, so that what is under way then is still noted. */
const TIMEOUT_MS = 7_000;
/** How long a push service keeps a message for a device that is off. */
const TTL_SECONDS = 4 * 3600;

export type PushParts = {
  readonly database: Database;
  readonly metrics: Metrics;
  readonly log: FastifyBaseLogger;
};

/** Tells devices what others added to their lists. Any number of these may work on the same database. */
export class Sender {
  readonly #config: PushConfig;
  readonly #queue: Queue;
  readonly #pushes: Counter<"result">;
  readonly #log: FastifyBaseLogger;

  constructor(config: PushConfig, { database, metrics, log }: PushParts) {
    this.#config = config;
    this.#queue = new Queue(database);
    this.#log = log;
    this.#pushes = new Counter({
      name: "pushes_total",
      help: "Push messages by result: sent, retried (to be sent again later), failed, or gone with their device.",
      labelNames: ["result"],
      registers: [metrics.registry],
    });
    measureBacklog(this.#queue, database, metrics);
  }

  /** Sends what is due, to so many devices at most; whether there may be more. */
  async turn(): Promise<boolean> {
    await this.#queue.settle(this.#config.settleSeconds);
    const { devices, claims } = await this.#queue.claim(DEVICES_AT_ONCE);
    const ends = await Promise.allSettled(claims.map((claim) => this.#send(claim)));
    for (const end of ends)
      if (end.status === "rejected")
        this.#log.warn({ err: end.reason as unknown }, "the end of a push could not be noted; it is not repeated");
    return devices === DEVICES_AT_ONCE;
  }

  async #send(claim: Claim): Promise<void> {
    const { subscription, attempts } = claim;
    const outcome = await attempt(this.#config, claim);
    // Neither the endpoint nor the names of items: whoever has the one can send there, the others are private.
    const about = { service: new URL(subscription.endpoint).host, subscription: subscription.id, attempts };
    const count = (result: string) => this.#pushes.inc({ result });
    switch (outcome.result) {
      case "sent":
        await this.#queue.finish(claim, "sent");
        return count("sent");
      case "gone":
        await this.#queue.forget(claim);
        this.#log.info(about, "a push service no longer knows a device; forgotten");
        return count("gone");
      case "refused": {
        const again = await this.#queue.putBack(claim, retryDelay(attempts, outcome.retryAfterSeconds));
        this.#log.warn({ ...about, why: outcome.why }, `a push was not taken; ${again ? "trying again later" : "given up"}`);
        return count(again ? "retried" : "failed");
      }
      case "rejected":
        await this.#queue.finish(claim, "failed");
        this.#log.error({ ...about, why: outcome.why }, "a push was rejected");
        return count("failed");
      case "unknown":
        await this.#queue.finish(claim, "failed");
        this.#log.warn({ ...about, why: outcome.why }, "a push may have been delivered or not; it is not repeated");
        return count("failed");
    }
  }
}

/** Sends from now on until `stop` resolves. */
export function startPush(config: PushConfig, parts: PushParts): { stop(): Promise<void> } {
  const sender = new Sender(config, parts);
  const poller = new Poller(() => sender.turn(), POLL_MS, parts.log);
  poller.wake();
  return { stop: () => poller.stop() };
}

async function attempt(config: PushConfig, claim: Claim): Promise<Outcome> {
  const { subscription, list, events, additions } = claim;
  // Asked again: what was known when the device came may have been taken out of the settings.
  if (!knownEndpoint(subscription.endpoint, config.services))
    return { result: "rejected", why: "its push service is not among PUSH_SERVICES" };
  const details = webPush.generateRequestDetails(
    { endpoint: subscription.endpoint, keys: { p256dh: subscription.p256dh, auth: subscription.auth } },
    JSON.stringify(message(events.at(-1) ?? "", list, additions)),
    {
      vapidDetails: config,
      TTL: TTL_SECONDS,
      urgency: "normal",
      // A newer message about the list replaces one that its device has not fetched; the topic names no list.
      topic: createHash("sha256").update(list.id).digest("base64url").slice(0, 32),
    },
  );
  const headers = details.headers as Record<string, string | number>;
  return post({ url: details.endpoint, headers, body: details.body ?? Buffer.alloc(0) }, TIMEOUT_MS);
}

function measureBacklog(queue: Queue, database: Database, metrics: Metrics): void {
  const gauge = (name: string, help: string, value: (backlog: Backlog) => number) =>
    new Gauge({
      name,
      help,
      registers: [metrics.registry],
      async collect() {
        // Before the first answer of the database a scrape would only wait for it.
        const backlog = database.hasAnswered ? await queue.backlog().catch(() => undefined) : undefined;
        this.remove();
        if (backlog) this.set(value(backlog));
      },
    });
  gauge("push_queue_depth", "Push messages that wait, those held by quiet hours among them.", ({ depth }) => depth);
  gauge(
    "push_oldest_seconds",
    "For how long the push message that is due longest has been due.",
    ({ oldestSeconds }) => oldestSeconds,
  );
}
