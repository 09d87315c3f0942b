import type { FastifyInstance } from "fastify";
import type { Config } from "../config.ts";

/** What the page must know of this deployment before anybody is logged in. */
export function configRoutes(app: FastifyInstance, config: Config): void {
  app.get("/api/config", async () => ({
    release: config.version,
    pushPublicKey: config.push?.publicKey ?? null,
    email: config.email !== undefined,
    errorReporting: config.ERROR_REPORTING_DSN !== undefined,
  }));
}
