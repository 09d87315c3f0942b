import { limits, normaliseEmail } from "@grocery/schema";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import * as z from "zod";
import type { Accounts } from "../accounts.ts";
import type { Config } from "../config.ts";
import { accessCookie, clearCookies, refreshCookie, setCookies } from "../cookies.ts";
import type { Metrics } from "../metrics.ts";
import { RateLimit } from "../rate-limit.ts";
import { Refusal } from "../refusal.ts";
import type { Issued, Sessions } from "../sessions.ts";
import { Throttled, type Throttle } from "../throttle.ts";
import type { Tokens } from "../tokens.ts";

const email = z.string().transform((address, check) => {
  const normal = normaliseEmail(address);
  if (normal !== undefined) return normal;
  check.addIssue({ code: "custom", message: "This is not an e-mail address." });
  return z.NEVER;
});
const password = z
  .string()
  .min(limits.passwordMin, `A password has at least ${limits.passwordMin} characters.`)
  .refine((text) => Buffer.byteLength(text) <= limits.passwordMaxBytes, {
    error: `A password has at most ${limits.passwordMaxBytes} bytes.`,
  });
const name = z.string().trim().min(1, "A name is needed.").max(limits.profileName, "This name is too long.");

const registration = z.strictObject({ email, password, name });
// Whatever could never be a password is a wrong one, not a malformed request: the answer stays the same.
const credentials = z.strictObject({ email: z.string().max(1000), password: z.string().max(1000) });

const WRONG_CREDENTIALS = "The e-mail address or the password is wrong.";

export type AuthParts = {
  readonly config: Config;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly tokens: Tokens;
  readonly metrics: Metrics;
};

function read<Shape extends z.ZodType>(shape: Shape, body: unknown): z.output<Shape> {
  const parsed = shape.safeParse(body);
  if (parsed.success) return parsed.data;
  throw new Refusal(400, "invalid", parsed.error.issues[0]?.message ?? "The request was not understood.");
}

export function authRoutes(app: FastifyInstance, parts: AuthParts): void {
  const { config, accounts, sessions, throttle, tokens, metrics } = parts;
  const rateLimit = new RateLimit(config.RATE_LIMIT_WINDOW_MS, config.RATE_LIMIT_MAX_REQUESTS);

  app.addHook("onRequest", async (request) => {
    const wait = rateLimit.take(request.ip);
    if (wait !== undefined) throw new Refusal(429, "too_many_requests", "Too many requests. Try again later.", wait);
    if (request.method === "POST") refuseForeignPages(request, config.allowedOrigins);
  });

  const welcome = (reply: FastifyReply, issued: Issued) => {
    setCookies(reply, issued, config);
    return { user: issued.user };
  };

  app.post("/api/auth/register", async (request, reply) => {
    const wanted = read(registration, request.body);
    await accounts.register(wanted.email, wanted.password, wanted.name);
    return reply.code(202).send({ status: "accepted" });
  });

  app.post("/api/auth/login", async (request, reply) => {
    const given = read(credentials, request.body);
    const address = normaliseEmail(given.email) ?? "";
    try {
      await throttle.take(address, request.ip);
    } catch (error) {
      if (error instanceof Throttled) metrics.logins.inc({ result: "throttled" });
      throw error;
    }
    const user = await accounts.authenticate(address, given.password);
    metrics.logins.inc({ result: user ? "success" : "failure" });
    if (!user) throw new Refusal(401, "wrong_credentials", WRONG_CREDENTIALS);
    await throttle.forgive(address, request.ip);
    return welcome(reply, await sessions.open(user));
  });

  app.post("/api/auth/refresh", async (request, reply) => {
    const refreshed = await sessions.refresh(refreshCookie(request));
    if (refreshed.outcome === "refreshed") return welcome(reply, refreshed.issued);
    if (refreshed.outcome === "reused") request.log.warn("a used refresh token came back; its session is revoked");
    clearCookies(reply);
    throw new Refusal(401, "not_logged_in", "Log in again.");
  });

  app.post("/api/auth/logout", async (request, reply) => {
    const refresh = await tokens.verifyRefresh(refreshCookie(request));
    const access = await tokens.verifyAccess(accessCookie(request));
    for (const sid of new Set([refresh?.sid, access?.sid])) if (sid !== undefined) await sessions.close(sid);
    clearCookies(reply);
    return reply.code(204).send();
  });

  // Answers 200 when nobody is logged in too: that is an answer, not an error.
  app.get("/api/auth/session", async (request) => {
    const identity = await tokens.verifyAccess(accessCookie(request));
    const alive = identity !== undefined && (await sessions.isAlive(identity.sid));
    return {
      user: alive ? { id: identity.sub, email: identity.email, name: identity.name } : null,
      refreshable: refreshCookie(request) !== undefined,
    };
  });
}

/** Only our own page may write: SameSite keeps the cookies back elsewhere, and this does not rely on it. */
function refuseForeignPages(request: FastifyRequest, allowed: ReadonlySet<string>): void {
  if (!allowed.has(request.headers.origin ?? ""))
    throw new Refusal(403, "foreign_origin", "This address is not one the application may be used from.");
  if (!/^application\/json(;|$)/i.test(request.headers["content-type"] ?? ""))
    throw new Refusal(415, "not_json", "The request must be JSON.");
}
