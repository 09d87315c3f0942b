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
import { Queue, retryDelay, type Claim } from "./queue.ts";
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

/** Tells devices what others added to their lists, from now on until `stop` resolves. */
export function startPush(config: PushConfig, { database, metrics, log }: PushParts): { stop(): Promise<void> } {
  const queue = new Queue(database);
  const pushes = new Counter({
    name: "pushes_total",
    help: "Push messages by result: sent, retried (to be sent again later), failed, or gone with their device.",
    labelNames: ["result"],
    registers: [metrics.registry],
  });
  measureBacklog(queue, database, metrics);

  async function send(claim: Claim): Promise<void> {
    const outcome = await attempt(config, claim);
    const about = { service: new URL(claim.subscription.endpoint).host, subscription: claim.subscription.id, attempts: claim.attempts };
    switch (outcome.result) {
      case "sent":
        await queue.finish(claim, "sent");
        return void pushes.inc({ result: "sent" });
      case "gone":
        await queue.forget(claim);
        log.info(about, "a push service no longer knows a device; forgotten");
        return void pushes.inc({ result: "gone" });
      case "refused": {
        const again = await queue.putBack(claim, retryDelay(claim.attempts, outcome.retryAfterSeconds));
        log.warn({ ...about, why: outcome.why }, `a push was not taken; ${again ? "trying again later" : "given up"}`);
        return void pushes.inc({ result: again ? "retried" : "failed" });
      }
      case "rejected":
        await queue.finish(claim, "failed");
        log.error({ ...about, why: outcome.why }, "a push was rejected");
        return void pushes.inc({ result: "failed" });
      case "unknown":
        await queue.finish(claim, "failed");
        log.warn({ ...about, why: outcome.why }, "a push may have been delivered or not; it is not repeated");
        return void pushes.inc({ result: "failed" });
    }
  }

  const poller = new Poller(
    async () => {
      await queue.settle(config.settleSeconds);
      const { devices, claims } = await queue.claim(DEVICES_AT_ONCE);
      const ends = await Promise.allSettled(claims.map(send));
      for (const end of ends)
        if (end.status === "rejected") log.warn({ err: end.reason as unknown }, "the end of a push could not be noted");
      return devices === DEVICES_AT_ONCE;
    },
    POLL_MS,
    log,
  );
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
  const oldest = new Gauge({
    name: "push_oldest_seconds",
    help: "For how long the push message that is due longest has been due.",
    registers: [metrics.registry],
  });
  new Gauge({
    name: "push_queue_depth",
    help: "Push messages that wait, those held by quiet hours among them.",
    registers: [metrics.registry],
    async collect() {
      if (!database.hasAnswered) return;
      const backlog = await queue.backlog().catch(() => undefined);
      if (!backlog) return;
      this.set(backlog.depth);
      oldest.set(backlog.oldestSeconds);
    },
  });
}
