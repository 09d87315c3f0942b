import type { FastifyInstance } from "fastify";
import * as z from "zod";
import { addressKey } from "../addresses.ts";
import { RateLimit } from "../rate-limit.ts";
import { Refusal } from "../refusal.ts";
import type { Reporter } from "../reporting/reporter.ts";
import { read, refuseTooMany } from "./guard.ts";

const report = z.strictObject({
  message: z.string().min(1).max(1000),
  stack: z.string().max(8000),
  where: z.string().max(200),
  release: z.string().max(40).regex(/^[\w.+-]*$/),
});

const BODY_LIMIT = 16 * 1024;
const WINDOW_MS = 10 * 60_000;
const PER_ADDRESS = 30;

/**
 * Takes what went wrong in a page and passes it on, so that pages know no error tracker and none knows their readers'
 * addresses. Anybody may send, logged in or not: the page of the login can break too.
 */
export function errorRoutes(app: FastifyInstance, reporter: Reporter | undefined): void {
  const rateLimit = new RateLimit(WINDOW_MS, PER_ADDRESS);

  app.post("/api/errors", { bodyLimit: BODY_LIMIT }, async (request, reply) => {
    if (!reporter) throw new Refusal(404, "error_reporting_disabled", "Errors are not reported here.");
    refuseTooMany(rateLimit, addressKey(request.ip));
    const { message, stack, where, release } = read(report, request.body);
    const [, type = "Error", value = message] = /^(\w{1,80}): (.*)$/s.exec(message) ?? [];
    reporter.send({ platform: "javascript", type, message: value, stack, where, release, requestId: request.id });
    return reply.code(202).send({ status: "accepted" });
  });
}
