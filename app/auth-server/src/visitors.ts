import type { FastifyRequest } from "fastify";
import { accessCookie } from "./cookies.ts";
import { Refusal } from "./refusal.ts";
import type { Sessions, User } from "./sessions.ts";
import type { Tokens } from "./tokens.ts";

export type Visitor = { readonly sid: string; readonly user: User };

/** Who sends a request, by its access token and a session that has not ended. */
export class Visitors {
  readonly #tokens: Tokens;
  readonly #sessions: Sessions;

  constructor(tokens: Tokens, sessions: Sessions) {
    this.#tokens = tokens;
    this.#sessions = sessions;
  }

  async find(request: FastifyRequest): Promise<Visitor | undefined> {
    const identity = await this.#tokens.verifyAccess(accessCookie(request));
    const user = identity && (await this.#sessions.use(identity.sid));
    return identity && user && user.id === identity.sub ? { sid: identity.sid, user } : undefined;
  }

  async need(request: FastifyRequest): Promise<Visitor> {
    const visitor = await this.find(request);
    if (!visitor) throw new Refusal(401, "not_logged_in", "Log in again.");
    return visitor;
  }
}
