import type { FastifyInstance } from "fastify";
import type { Database } from "../database.ts";
import type { Metrics } from "../metrics.ts";

/** Routes for whoever runs this. They are not under /api, so the edge does not publish them. */
export function operationRoutes(
  app: FastifyInstance,
  database: Database,
  metrics: Metrics,
  state: { readonly draining: boolean },
): void {
  // Liveness after the first answer of the database: an outage of it is no reason to kill what waits for it.
  app.get("/health", async (_request, reply) => {
    if (!database.hasAnswered) await database.ping().catch(() => undefined);
    return database.hasAnswered
      ? { status: "ok" }
      : reply.code(503).send({ status: "starting", reason: "the database has not answered yet" });
  });

  app.get("/health/live", async () => ({ status: "ok" }));

  app.get("/health/ready", async (request, reply) => {
    if (state.draining) return reply.code(503).send({ status: "draining" });
    try {
      await database.ping();
      return { status: "ok" };
    } catch (error) {
      request.log.warn({ err: error }, "not ready");
      return reply.code(503).send({ status: "unavailable", reason: "the database does not answer" });
    }
  });

  app.get("/metrics", async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
