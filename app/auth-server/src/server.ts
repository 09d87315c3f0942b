import fastifyCookie from "@fastify/cookie";
import Fastify, { LogController, type FastifyInstance } from "fastify";
import type { FastifyLoggerOptions, PinoLoggerOptions } from "fastify/types/logger.js";
import { Accounts } from "./accounts.ts";
import type { Config } from "./config.ts";
import { Database, isUnavailable } from "./database.ts";
import { tidy } from "./housekeeping.ts";
import { Outbox } from "./mail/outbox.ts";
import { MailTokens } from "./mail/tokens.ts";
import { Metrics } from "./metrics.ts";
import { Devices } from "./push/devices.ts";
import { startPush } from "./push/sender.ts";
import { RateLimit } from "./rate-limit.ts";
import { Refusal } from "./refusal.ts";
import { Reporter } from "./reporting/reporter.ts";
import { carryRequestId, requestIdOf } from "./request-id.ts";
import { accountRoutes } from "./routes/account.ts";
import { authRoutes } from "./routes/auth.ts";
import { configRoutes } from "./routes/config.ts";
import { errorRoutes } from "./routes/errors.ts";
import { guard } from "./routes/guard.ts";
import { operationRoutes } from "./routes/operations.ts";
import { pushRoutes } from "./routes/push.ts";
import { zeroRoutes } from "./routes/zero.ts";
import { Sessions } from "./sessions.ts";
import { SyntheticUser } from "./synthetic.ts";
import { Throttle, Throttled } from "./throttle.ts";
import { Tokens } from "./tokens.ts";
import { Visitors } from "./visitors.ts";

const SWEEP_INTERVAL_MS = 15 * 60_000;

function asRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof Throttled)
    return new Refusal(429, "too_many_attempts", "Too many attempts. Try again later.", error.retryAfterSeconds);
  if (isUnavailable(error))
    return new Refusal(503, "unavailable", "The service cannot reach its data at the moment. Try again shortly.", 2);
  const status = error instanceof Error && "statusCode" in error ? error.statusCode : undefined;
  if (typeof status === "number" && status >= 400 && status < 500)
    return new Refusal(status, "bad_request", "The request was not understood.");
  return new Refusal(500, "internal", "Something went wrong here. The request id names it in the log.");
}

function loggerOptions(config: Config): FastifyLoggerOptions & PinoLoggerOptions {
  return {
    level: config.LOG_LEVEL,
    base: { service: "auth-server", version: config.version },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: ["password", "token", "cookie", "authorization", "*.password", "*.token", "*.cookie", "*.authorization"],
      censor: "[redacted]",
    },
    serializers: {
      // Of a request only what cannot carry a secret: no headers, no query, no body.
      req: (request) => ({ method: request.method, route: request.routeOptions.url ?? "unmatched" }),
      // Database errors name values in `detail` and `where`; those stay out.
      err: (error: Error & { code?: unknown }) => ({
        type: error.name,
        message: error.message,
        code: error.code,
        stack: error.stack ?? "",
      }),
    },
  };
}

export type Server = {
  readonly app: FastifyInstance;
  readonly database: Database;
  /** Tells the error tracker, if there is one, of a fault that no request has. */
  report(error: unknown, where: string): void;
  /** Refuses readiness, goes on serving for DRAIN_SECONDS and asks clients to reconnect elsewhere, then closes. */
  drain(): Promise<void>;
};

export async function buildServer(config: Config): Promise<Server> {
  const app = Fastify({
    logger: loggerOptions(config),
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "requestId" }),
    trustProxy: config.TRUST_PROXY,
    genReqId: (request) => requestIdOf(request.headers["x-request-id"]),
    bodyLimit: 64 * 1024,
    // Longer than a proxy keeps its idle connections, so that it is never the server that closes under a request.
    keepAliveTimeout: 75_000,
    requestTimeout: 30_000,
    return503OnClosing: false,
    forceCloseConnections: "idle",
    // Cookies and forwarded headers together may exceed what Node allows by default.
    http: { maxHeaderSize: 32 * 1024 },
  });
  const database = new Database(config, app.log);
  const tokens = new Tokens(config);
  const sessions = new Sessions(config, database, tokens);
  const throttle = new Throttle(config, database);
  const visitors = new Visitors(tokens, sessions);
  const metrics = new Metrics(config.version, database);
  const mailTokens = new MailTokens(database);
  const outbox = config.email && new Outbox({ config, database, tokens: mailTokens, throttle, metrics }, config.email, app.log);
  const accounts = new Accounts({ config, database, mailTokens, outbox });
  const reporter =
    config.ERROR_REPORTING_DSN && new Reporter(config.ERROR_REPORTING_DSN, { config, metrics }, app.log);
  const synthetic = config.SYNTHETIC_PASSWORD ? new SyntheticUser(config.SYNTHETIC_PASSWORD, { config, database }, app.log) : undefined;
  const rateLimit = new RateLimit(config.RATE_LIMIT_WINDOW_MS, config.RATE_LIMIT_MAX_REQUESTS);
  const state = { draining: false };

  carryRequestId(app);
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-request-id", request.id).header("cache-control", "no-store");
    if (state.draining) void reply.header("connection", "close");
  });
  app.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "unmatched";
    metrics.observe(request.method, route, reply.statusCode, reply.elapsedTime / 1000);
    const level = reply.statusCode >= 500 ? "warn" : /^\/(health|metrics)/.test(route) ? "debug" : "info";
    request.log[level](
      { method: request.method, route, status: reply.statusCode, milliseconds: Math.round(reply.elapsedTime) },
      "request",
    );
  });
  app.setErrorHandler(async (error, request, reply) => {
    const refusal = asRefusal(error);
    if (refusal.status >= 500)
      request.log[refusal.status === 503 ? "warn" : "error"]({ err: error }, "request failed");
    if (refusal.status === 500) reporter?.error(error, request.routeOptions.url ?? "unmatched", request.id);
    metrics.errors.inc({ kind: refusal.code });
    if (refusal.retryAfterSeconds !== undefined) void reply.header("retry-after", refusal.retryAfterSeconds);
    return reply.code(refusal.status).send({ error: { code: refusal.code, message: refusal.message } });
  });
  app.setNotFoundHandler(async () => {
    throw new Refusal(404, "not_found", "There is nothing here.");
  });

  await app.register(fastifyCookie);
  operationRoutes(app, database, metrics, state);
  configRoutes(app, config);
  await app.register(async (scope) => {
    guard(scope, config.allowedOrigins, rateLimit);
    authRoutes(scope, { config, accounts, sessions, throttle, tokens, visitors, metrics });
    accountRoutes(scope, { config, database, accounts, sessions, throttle, visitors, rateLimit });
    pushRoutes(scope, { push: config.push, devices: new Devices(database), visitors, rateLimit });
    errorRoutes(scope, reporter);
  });
  await app.register(async (scope) => zeroRoutes(scope, { config, database, visitors, reporter }));

  // Mail that an earlier process left.
  outbox?.wake();
  synthetic?.start();
  const push = config.push && startPush(config.push, { database, metrics, log: app.log });

  const sweep = setInterval(() => {
    Promise.all([sessions.sweep(), throttle.sweep(), mailTokens.sweep(), Outbox.sweep(database), tidy(database)]).catch((error: unknown) =>
      app.log.warn({ err: error }, "old sessions could not be removed; trying again later"),
    );
  }, SWEEP_INTERVAL_MS).unref();
  app.addHook("onClose", async () => {
    clearInterval(sweep);
    await outbox?.stop();
    await push?.stop();
    await reporter?.stop();
    await synthetic?.stop();
    await database.close();
  });

  const drain = async (): Promise<void> => {
    if (state.draining) return;
    state.draining = true;
    app.log.info({ seconds: config.DRAIN_SECONDS }, "draining");
    await new Promise((resolve) => setTimeout(resolve, config.DRAIN_SECONDS * 1000));
    await app.close();
  };
  return { app, database, report: (error, where) => reporter?.error(error, where), drain };
}
