import { ECDH } from "node:crypto";
import type { FastifyInstance, FastifyRequest } from "fastify";
import * as z from "zod";
import type { PushConfig } from "../config.ts";
import type { Devices } from "../push/devices.ts";
import { knowsTimeZone } from "../push/quiet.ts";
import { knownEndpoint } from "../push/services.ts";
import type { RateLimit } from "../rate-limit.ts";
import { Refusal } from "../refusal.ts";
import type { Visitor, Visitors } from "../visitors.ts";
import { read, refuseTooMany } from "./guard.ts";

const clock = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "Times look like 22:00.");
const timeZone = z.string().max(64).refine(knowsTimeZone, { error: "This time zone is not known." });
const quietHours = z
  .strictObject({ from: clock, until: clock, timeZone })
  .refine(({ from, until }) => from !== until, { error: "Quiet hours end at another time than they begin." })
  .nullable();
const deviceId = z.strictObject({ id: z.uuid() });
const address = z.string().max(1000);

/** Bytes of a key in base64url, with padding or without. */
const key = (valid: (bytes: Buffer) => boolean) =>
  z
    .string()
    .max(100)
    .regex(/^[\w-]+={0,2}$/)
    .transform((text) => Buffer.from(text, "base64url"))
    .refine(valid)
    .transform((bytes) => bytes.toString("base64url"));

const subscription = z.object({
  endpoint: address,
  keys: z.object({ p256dh: key(isPoint), auth: key((bytes) => bytes.length === 16) }),
  label: z.string().trim().max(80).refine((text) => !text.includes("\0")).default(""),
});

export type PushRouteParts = {
  readonly push: PushConfig | undefined;
  readonly devices: Devices;
  readonly visitors: Visitors;
  readonly rateLimit: RateLimit;
};

/** Which devices are told what others do, and when not. Without keys to sign with, none is. */
export function pushRoutes(app: FastifyInstance, { push, devices, visitors, rateLimit }: PushRouteParts): void {
  const enter = async (request: FastifyRequest): Promise<Visitor> => {
    if (!push) throw new Refusal(404, "push_disabled", "This server does not send notifications.");
    const visitor = await visitors.need(request);
    refuseTooMany(rateLimit, visitor.user.id);
    return visitor;
  };

  app.get("/api/push", async (request) => {
    const visitor = await enter(request);
    return { devices: await devices.list(visitor), quiet: await devices.quiet(visitor) };
  });

  app.post("/api/push/subscriptions", async (request, reply) => {
    const visitor = await enter(request);
    const { endpoint, keys, label } = read(subscription, request.body);
    const known = knownEndpoint(endpoint, push?.services ?? []);
    if (known === undefined)
      throw new Refusal(400, "unknown_service", "This browser's push service is not one that this server sends to.");
    return reply.code(201).send({ id: await devices.add(visitor, { endpoint: known, ...keys, label }) });
  });

  app.post("/api/push/unsubscribe", async (request, reply) => {
    const visitor = await enter(request);
    const { endpoint } = read(z.object({ endpoint: address }), request.body);
    const url = URL.canParse(endpoint) ? new URL(endpoint).href : endpoint;
    await devices.removeEndpoint(visitor, url);
    return reply.code(204).send();
  });

  app.delete("/api/push/subscriptions/:id", async (request, reply) => {
    const visitor = await enter(request);
    await devices.remove(visitor, read(deviceId, request.params).id);
    return reply.code(204).send();
  });

  app.put("/api/push/quiet", async (request, reply) => {
    const visitor = await enter(request);
    const quiet = read(quietHours, request.body ?? null);
    await devices.setQuiet(visitor, quiet);
    return reply.code(204).send();
  });
}

function isPoint(bytes: Buffer): boolean {
  if (bytes.length !== 65 || bytes[0] !== 4) return false;
  try {
    ECDH.convertKey(bytes, "prime256v1");
    return true;
  } catch {
    return false;
  }
}
