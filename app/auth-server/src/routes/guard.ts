import type { FastifyInstance, FastifyRequest } from "fastify";
import * as z from "zod";
import { addressKey } from "../addresses.ts";
import type { RateLimit } from "../rate-limit.ts";
import { Refusal } from "../refusal.ts";

const READING = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * For routes that browsers use: a limit of requests by address, and writes from our own page only. SameSite keeps the
 * cookies back elsewhere, and this does not rely on it.
 */
export function guard(app: FastifyInstance, allowedOrigins: ReadonlySet<string>, rateLimit: RateLimit): void {
  // A DELETE has nothing to say, and says so in JSON.
  const parse = app.getDefaultJsonParser("error", "error");
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null, undefined);
    else void parse(request, body.toString(), done);
  });

  app.addHook("onRequest", async (request) => {
    refuseTooMany(rateLimit, addressKey(request.ip));
    if (!READING.has(request.method)) refuseForeignPages(request, allowedOrigins);
  });
}

export function refuseTooMany(rateLimit: RateLimit, key: string): void {
  const wait = rateLimit.take(key);
  if (wait !== undefined) throw new Refusal(429, "too_many_requests", "Too many requests. Try again later.", wait);
}

function refuseForeignPages(request: FastifyRequest, allowed: ReadonlySet<string>): void {
  if (!allowed.has(request.headers.origin ?? ""))
    throw new Refusal(403, "foreign_origin", "This address is not one the application may be used from.");
  if (!/^application\/json(;|$)/i.test(request.headers["content-type"] ?? ""))
    throw new Refusal(415, "not_json", "The request must be JSON.");
}

export function read<Shape extends z.ZodType>(shape: Shape, body: unknown): z.output<Shape> {
  const parsed = shape.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Refusal(400, "invalid", parsed.error.issues[0]?.message ?? "The request was not understood.");
}
