import { randomUUID } from "node:crypto";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import type { RefreshToken, Tokens } from "./tokens.ts";

// Two tabs may refresh at once, and an answer may be lost on the way: the token just replaced still works this long.
const LEEWAY_SECONDS = 10;

export type User = { readonly id: string; readonly email: string; readonly name: string };
export type Issued = { readonly user: User; readonly access: string; readonly refresh: string };
export type Refreshed = { readonly outcome: "refreshed"; readonly issued: Issued } | { readonly outcome: "refused" | "reused" };

/** A login and the tokens that belong to it: all refresh tokens of a session are one family and end together. */
export class Sessions {
  readonly #config: Config;
  readonly #database: Database;
  readonly #tokens: Tokens;

  constructor(config: Config, database: Database, tokens: Tokens) {
    this.#config = config;
    this.#database = database;
    this.#tokens = tokens;
  }

  async open(user: User): Promise<Issued> {
    const sid = randomUUID();
    await this.#database.rows(
      "INSERT INTO auth.session (id, account_id, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))",
      [sid, user.id, this.#config.JWT_REFRESH_EXPIRY],
    );
    return this.#issue(user, { sid, seq: 1 });
  }

  /** New tokens for a refresh token. One that was used before ends its whole session: somebody else has a copy. */
  async refresh(token: string | undefined): Promise<Refreshed> {
    const claims = await this.#tokens.verifyRefresh(token);
    if (!claims) return { outcome: "refused" };
    const result = await this.#database.transaction(async (client) => {
      const found = await client.query<User & { sequence: number; fresh: boolean }>(
        `SELECT profile.id, account.email, profile.name, session.sequence,
                session.rotated_at > now() - make_interval(secs => $2) AS fresh
           FROM auth.session JOIN auth.account ON account.id = session.account_id
           JOIN public.profile ON profile.id = account.id
          WHERE session.id = $1 AND session.revoked_at IS NULL AND session.expires_at > now()
            FOR UPDATE OF session`,
        [claims.sid, LEEWAY_SECONDS],
      );
      const session = found.rows[0];
      if (!session) return "refused" as const;
      const user: User = { id: session.id, email: session.email, name: session.name };
      if (claims.seq === session.sequence) {
        await client.query(
          `UPDATE auth.session SET sequence = sequence + 1, rotated_at = now(),
                  expires_at = now() + make_interval(secs => $2) WHERE id = $1`,
          [claims.sid, this.#config.JWT_REFRESH_EXPIRY],
        );
        return { user, seq: session.sequence + 1 };
      }
      if (claims.seq === session.sequence - 1 && session.fresh) return { user, seq: session.sequence };
      await client.query("UPDATE auth.session SET revoked_at = now() WHERE id = $1", [claims.sid]);
      return "reused" as const;
    });
    if (typeof result === "string") return { outcome: result };
    return { outcome: "refreshed", issued: await this.#issue(result.user, { sid: claims.sid, seq: result.seq }) };
  }

  async isAlive(sid: string): Promise<boolean> {
    const rows = await this.#database.rows(
      "SELECT 1 FROM auth.session WHERE id = $1 AND revoked_at IS NULL AND expires_at > now()",
      [sid],
    );
    return rows.length === 1;
  }

  async close(sid: string): Promise<void> {
    await this.#database.rows("UPDATE auth.session SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1", [sid]);
  }

  /** Removes what no token can name any more. */
  async sweep(): Promise<void> {
    await this.#database.rows("DELETE FROM auth.session WHERE expires_at < now() - interval '1 day'");
  }

  async #issue(user: User, refresh: RefreshToken): Promise<Issued> {
    return {
      user,
      access: await this.#tokens.signAccess({ sub: user.id, sid: refresh.sid, email: user.email, name: user.name }),
      refresh: await this.#tokens.signRefresh(refresh),
    };
  }
}
