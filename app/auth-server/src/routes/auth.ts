import { normaliseEmail } from "@grocery/schema";
import type { FastifyInstance, FastifyReply } from "fastify";
import * as z from "zod";
import type { Accounts } from "../accounts.ts";
import { clientName } from "../client-name.ts";
import type { Config } from "../config.ts";
import { accessCookie, clearCookies, refreshCookie, setCookies } from "../cookies.ts";
import type { Metrics } from "../metrics.ts";
import { Refusal } from "../refusal.ts";
import type { Issued, Sessions } from "../sessions.ts";
import { Throttled, type Throttle } from "../throttle.ts";
import type { Tokens } from "../tokens.ts";
import type { Visitors } from "../visitors.ts";
import { email, givenPassword, linkToken, newPassword, profileName } from "./fields.ts";
import { read } from "./guard.ts";

const registration = z.strictObject({ email, password: newPassword, name: profileName });
const credentials = z.strictObject({ email: z.string().max(1000), password: givenPassword });
const forgotten = z.strictObject({ email });
const verification = z.strictObject({ token: linkToken });
const reset = z.strictObject({ token: linkToken, password: newPassword });

const WRONG_CREDENTIALS = "The e-mail address or the password is wrong.";
const SPENT_LINK = "This link is not good any more. Ask for a new one.";

export type AuthParts = {
  readonly config: Config;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly tokens: Tokens;
  readonly visitors: Visitors;
  readonly metrics: Metrics;
};

/** For whoever is not logged in, or about to be not. */
export function authRoutes(app: FastifyInstance, parts: AuthParts): void {
  const { config, accounts, sessions, throttle, tokens, visitors, metrics } = parts;

  const welcome = (reply: FastifyReply, issued: Issued) => {
    setCookies(reply, issued, config);
    return { user: issued.user };
  };

  app.post("/api/auth/register", async (request, reply) => {
    const wanted = read(registration, request.body);
    await throttle.takeRegistration(request.ip);
    await accounts.register(wanted.email, wanted.password, wanted.name);
    return reply.code(202).send({ status: "accepted" });
  });

  app.post("/api/auth/login", async (request, reply) => {
    const given = read(credentials, request.body);
    const address = normaliseEmail(given.email) ?? "";
    try {
      await throttle.takePassword(address, request.ip);
    } catch (error) {
      if (error instanceof Throttled) metrics.logins.inc({ result: "throttled" });
      throw error;
    }
    const user = await accounts.authenticate(address, given.password);
    metrics.logins.inc({ result: user ? "success" : "failure" });
    if (!user) throw new Refusal(401, "wrong_credentials", WRONG_CREDENTIALS);
    await throttle.forgive(address, request.ip);
    return welcome(reply, await sessions.open(user, clientName(request.headers["user-agent"])));
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
  app.get("/api/auth/session", async (request) => ({
    user: (await visitors.find(request))?.user ?? null,
    refreshable: refreshCookie(request) !== undefined,
  }));

  const needEmail = () => {
    if (!config.email) throw new Refusal(404, "email_disabled", "This service sends no e-mail.");
  };

  app.post("/api/auth/forgot-password", async (request, reply) => {
    needEmail();
    const wanted = read(forgotten, request.body);
    await throttle.takeMailRequest(request.ip);
    await accounts.requestReset(wanted.email);
    return reply.code(202).send({ status: "accepted" });
  });

  app.post("/api/auth/verify-email", async (request, reply) => {
    needEmail();
    const { token } = read(verification, request.body);
    await throttle.takeMailRequest(request.ip);
    if (!(await accounts.verifyEmail(token))) throw new Refusal(400, "spent_link", SPENT_LINK);
    return reply.code(204).send();
  });

  app.post("/api/auth/reset-password", async (request, reply) => {
    needEmail();
    const { token, password } = read(reset, request.body);
    await throttle.takeMailRequest(request.ip);
    const address = await accounts.resetPassword(token, password);
    if (address === undefined) throw new Refusal(400, "spent_link", SPENT_LINK);
    // Whoever forgot the password has guessed before.
    await throttle.forgive(address, request.ip);
    clearCookies(reply);
    return reply.code(204).send();
  });
}
