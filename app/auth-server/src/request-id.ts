/** Which request is being answered, for whoever writes about it: in a log line, in the text of a statement. */
import { AsyncLocalStorage } from "node:async_hooks";
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";

// It is written into statements, so it can be nothing that ends a comment.
const REQUEST_ID = /^[A-Za-z0-9-]{1,64}$/;

const storage = new AsyncLocalStorage<string>();

/** The id that the edge gave, or a new one. */
export const requestIdOf = (given: unknown): string =>
  typeof given === "string" && REQUEST_ID.test(given) ? given : randomUUID();

/** Undefined outside a request. */
export const currentRequestId = (): string | undefined => storage.getStore();

/** What a statement begins with, so that the database's own log says which request it was for; "" outside a request. */
export function sqlComment(): string {
  const id = currentRequestId();
  return id === undefined ? "" : `/* request_id=${id} */ `;
}

/** Lets everything that a request causes know its id. */
export function carryRequestId(app: FastifyInstance): void {
  app.addHook("onRequest", (request, _reply, done) => storage.run(request.id, done));
  // What follows the reading of a body is called by the connection, which belongs to no request.
  app.addHook("preValidation", (request, _reply, done) => storage.run(request.id, done));
}
