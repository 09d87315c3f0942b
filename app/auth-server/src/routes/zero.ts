import { timingSafeEqual, createHash } from "node:crypto";
import { queries, schema, type Context } from "@grocery/schema";
import { ApplicationError, mustGetMutator, mustGetQuery, type ReadonlyJSONValue } from "@rocicorp/zero";
import { handleMutateRequest, handleQueryRequest } from "@rocicorp/zero/server";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Config } from "../config.ts";
import type { Database } from "../database.ts";
import { mutators } from "../mutations.ts";
import { Refusal } from "../refusal.ts";
import type { Reporter } from "../reporting/reporter.ts";
import { forgetClientsBefore, SYNTHETIC_ID } from "../synthetic.ts";
import type { Visitors } from "../visitors.ts";
import { isTransient, MutationDatabase } from "../zero-database.ts";

export type ZeroParts = {
  readonly config: Config;
  readonly database: Database;
  readonly visitors: Visitors;
  readonly reporter: Reporter | undefined;
};

type ZeroRequest = FastifyRequest<{ Querystring: Record<string, string>; Body: ReadonlyJSONValue }>;

/** What zero-cache asks on behalf of a browser, whose cookies it passes on. Nobody else has the key. */
export function zeroRoutes(app: FastifyInstance, { config, database, visitors, reporter }: ZeroParts): void {
  const expectedKey = digest(config.ZERO_AUTH_SECRET);
  const shardSchema = `${config.ZERO_APP_ID}_0`;

  app.addHook("onRequest", async (request) => {
    const key = request.headers["x-api-key"];
    if (typeof key !== "string" || !timingSafeEqual(digest(key), expectedKey))
      throw new Refusal(401, "wrong_key", "Only zero-cache may ask this.");
    const { origin } = request.headers;
    // zero-cache opens its socket for any page; the page's origin comes along with the cookies.
    if (origin !== undefined && !config.allowedOrigins.has(origin))
      throw new Refusal(403, "foreign_origin", "This address is not one the application may be used from.");
  });

  const identify = async (request: FastifyRequest): Promise<Context> => {
    const { user } = await visitors.need(request);
    // Where mail can show whose an address is, invitations to it are for nobody until it has.
    const mayHaveInvitations = user.emailVerified || !config.email;
    return { userId: user.id, email: mayHaveInvitations ? user.email : "" };
  };

  const options = { bodyLimit: 10 * 1024 * 1024 };

  app.post("/api/zero/query", options, async (request: ZeroRequest) => {
    const ctx = await identify(request);
    return handleQueryRequest({
      handler: (name, args) => mustGetQuery(queries, name).fn({ args, ctx }),
      schema,
      userID: ctx.userId,
      query: request.query,
      body: request.body,
      logLevel: "error",
    });
  });

  app.post("/api/zero/mutate", options, async (request: ZeroRequest) => {
    const ctx = await identify(request);
    if (request.query["schema"] !== shardSchema)
      throw new Refusal(400, "wrong_schema", `This server writes for schema ${shardSchema} only.`);
    const mutations = new MutationDatabase(database);
    const response = await handleMutateRequest({
      dbProvider: mutations,
      handler: (transact) =>
        transact(async (tx, name, args) => {
          try {
            await mustGetMutator(mutators, name).fn({ tx, ctx, args });
          } catch (error) {
            if (isTransient(error) || error instanceof ApplicationError) throw error;
            request.log.error({ err: error, mutator: name }, "a mutator failed");
            reporter?.error(error, `mutator ${name.slice(0, 80)}`, request.id);
            throw new ApplicationError("This change could not be made.");
          }
        }),
      userID: ctx.userId,
      query: request.query,
      body: request.body,
      logLevel: "error",
    });
    // zero-cache repeats a push that was answered 503; any other answer would make the browser give up on it.
    if (mutations.failure !== undefined) throw mutations.failure;
    if (ctx.userId === SYNTHETIC_ID) await forgetClientsBefore(database, shardSchema, request.body);
    return response;
  });
}

const digest = (text: string) => createHash("sha256").update(text).digest();
