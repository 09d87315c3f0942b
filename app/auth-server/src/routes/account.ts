import type { FastifyInstance, FastifyRequest } from "fastify";
import * as z from "zod";
import type { Accounts } from "../accounts.ts";
import type { Config } from "../config.ts";
import { clearCookies } from "../cookies.ts";
import type { Database } from "../database.ts";
import { deleteAccount } from "../deletion.ts";
import { exportAccount } from "../export.ts";
import type { RateLimit } from "../rate-limit.ts";
import { Refusal } from "../refusal.ts";
import type { Sessions } from "../sessions.ts";
import type { Throttle } from "../throttle.ts";
import type { Visitor, Visitors } from "../visitors.ts";
import { givenPassword, newPassword, profileName } from "./fields.ts";
import { read, refuseTooMany } from "./guard.ts";

const profile = z.strictObject({ name: profileName });
const passwordChange = z.strictObject({ current: givenPassword, next: newPassword });
const deletion = z.strictObject({ password: givenPassword });
const sessionId = z.strictObject({ id: z.uuid() });

const EXPORTS = 10;
const VERIFICATIONS = 5;

export type AccountParts = {
  readonly config: Config;
  readonly database: Database;
  readonly accounts: Accounts;
  readonly sessions: Sessions;
  readonly throttle: Throttle;
  readonly visitors: Visitors;
  readonly rateLimit: RateLimit;
};

/** What people do with their own account. Each route speaks of the account that is logged in and can name no other. */
export function accountRoutes(app: FastifyInstance, parts: AccountParts): void {
  const { config, database, accounts, sessions, throttle, visitors, rateLimit } = parts;

  const enter = async (request: FastifyRequest): Promise<Visitor> => {
    const visitor = await visitors.need(request);
    refuseTooMany(rateLimit, visitor.user.id);
    return visitor;
  };

  /** A session alone, say on a computer left open, is not enough to take an account over or to end it. */
  const confirmPassword = async (request: FastifyRequest, visitor: Visitor, password: string): Promise<void> => {
    const { email, id } = visitor.user;
    await throttle.takePassword(email, request.ip);
    if ((await accounts.authenticate(email, password))?.id !== id)
      throw new Refusal(403, "wrong_password", "The password is wrong.");
    await throttle.forgive(email, request.ip);
  };

  app.get("/api/account", async (request) => (await enter(request)).user);

  app.put("/api/account", async (request) => {
    const { user } = await enter(request);
    const { name } = read(profile, request.body);
    await accounts.rename(user.id, name);
    return { ...user, name };
  });

  app.post("/api/account/password", async (request, reply) => {
    const visitor = await enter(request);
    const { current, next } = read(passwordChange, request.body);
    await confirmPassword(request, visitor, current);
    await accounts.changePassword(visitor.user, next, visitor.sid);
    return reply.code(204).send();
  });

  app.post("/api/account/verification", async (request, reply) => {
    const { user } = await enter(request);
    if (!config.email) throw new Refusal(404, "email_disabled", "This service sends no e-mail.");
    await throttle.takeOwn("verification", user.id, VERIFICATIONS);
    await throttle.takeMailRequest(request.ip);
    if (!user.emailVerified) await accounts.requestVerification(user);
    return reply.code(202).send({ status: "accepted" });
  });

  app.get("/api/account/sessions", async (request) => {
    const { user, sid } = await enter(request);
    const all = await sessions.list(user.id);
    return { sessions: all.map((session) => ({ ...session, current: session.id === sid })) };
  });

  app.delete("/api/account/sessions", async (request, reply) => {
    const { user } = await enter(request);
    await sessions.closeAll(user.id);
    clearCookies(reply);
    return reply.code(204).send();
  });

  app.delete("/api/account/sessions/:id", async (request, reply) => {
    const { user, sid } = await enter(request);
    const wanted = sessionId.safeParse(request.params);
    // One of somebody else is as unknown as one that never was.
    if (!wanted.success || !(await sessions.closeOwn(user.id, wanted.data.id)))
      throw new Refusal(404, "no_session", "There is no such session any more.");
    if (wanted.data.id === sid) clearCookies(reply);
    return reply.code(204).send();
  });

  app.get("/api/account/export", async (request, reply) => {
    const { user } = await enter(request);
    await throttle.takeOwn("export", user.id, EXPORTS);
    const content = await exportAccount(database, user);
    return reply
      .header("content-disposition", 'attachment; filename="grocery-list.json"')
      .type("application/json; charset=utf-8")
      .send(`${JSON.stringify(content, null, 2)}\n`);
  });

  app.post("/api/account/delete", async (request, reply) => {
    const visitor = await enter(request);
    await confirmPassword(request, visitor, read(deletion, request.body).password);
    await deleteAccount(database, visitor.user);
    clearCookies(reply);
    return reply.code(204).send();
  });
}
