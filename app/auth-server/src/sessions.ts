import { randomUUID } from "node:crypto";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import type { RefreshToken, Tokens } from "./tokens.ts";

// Two tabs may refresh at once, and an answer may be lost on the way: the token just replaced still works this long.
const LEEWAY_SECONDS = 10;

/** `emailVerified`: whether whoever has the account has shown that mail to its address reaches them. */
export type User = { readonly id: string; readonly email: string; readonly name: string; readonly emailVerified: boolean };
export type Issued = { readonly user: User; readonly access: string; readonly refresh: string };
export type Refreshed = { readonly outcome: "refreshed"; readonly issued: Issued } | { readonly outcome: "refused" | "reused" };
/** Times in milliseconds since 1970. */
export type SessionInfo = {
  readonly id: string;
  readonly client: string;
  readonly createdAt: number;
  readonly lastUsedAt: number;
};

/** Columns of a `User`, of `account` joined with `profile`. */
export const USER_COLUMNS = `account.id, account.email, profile.name, account.verified_at IS NOT NULL AS "emailVerified"`;

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

  async open(user: User, client = ""): Promise<Issued> {
    const sid = randomUUID();
    await this.#database.rows(
      `INSERT INTO auth.session (id, account_id, expires_at, client)
       VALUES ($1, $2, now() + make_interval(secs => $3), $4)`,
      [sid, user.id, this.#config.JWT_REFRESH_EXPIRY, client],
    );
    return this.#issue(user, { sid, seq: 1 });
  }

  /** New tokens for a refresh token. One that was used before ends its whole session: somebody else has a copy. */
  async refresh(token: string | undefined): Promise<Refreshed> {
    const claims = await this.#tokens.verifyRefresh(token);
    if (!claims) return { outcome: "refused" };
    const result = await this.#database.transaction(async (client) => {
      const found = await client.query<User & { sequence: number; fresh: boolean }>(
        `SELECT ${USER_COLUMNS}, session.sequence,
                session.rotated_at > now() - make_interval(secs => $2) AS fresh
           FROM auth.session JOIN auth.account ON account.id = session.account_id
           JOIN public.profile ON profile.id = account.id
          WHERE session.id = $1 AND session.revoked_at IS NULL AND session.expires_at > now()
            FOR UPDATE OF session`,
        [claims.sid, LEEWAY_SECONDS],
      );
      const session = found.rows[0];
      if (!session) return "refused" as const;
      const { sequence, fresh, ...user } = session;
      if (claims.seq === sequence) {
        await client.query(
          `UPDATE auth.session SET sequence = sequence + 1, rotated_at = now(), last_used_at = now(),
                  expires_at = now() + make_interval(secs => $2) WHERE id = $1`,
          [claims.sid, this.#config.JWT_REFRESH_EXPIRY],
        );
        return { user, seq: sequence + 1 };
      }
      if (claims.seq === sequence - 1 && fresh) return { user, seq: sequence };
      await client.query("UPDATE auth.session SET revoked_at = now() WHERE id = $1", [claims.sid]);
      return "reused" as const;
    });
    if (typeof result === "string") return { outcome: result };
    return { outcome: "refreshed", issued: await this.#issue(result.user, { sid: claims.sid, seq: result.seq }) };
  }

  /** Whose session this is, if it is still alive. Notes its use, to the minute. */
  async use(sid: string): Promise<User | undefined> {
    const rows = await this.#database.rows<User>(
      `WITH live AS (
         SELECT id, account_id, last_used_at FROM auth.session
          WHERE id = $1 AND revoked_at IS NULL AND expires_at > now()
       ), used AS (
         UPDATE auth.session SET last_used_at = now() FROM live
          WHERE session.id = live.id AND live.last_used_at < now() - interval '1 minute'
       )
       SELECT ${USER_COLUMNS}
         FROM live JOIN auth.account ON account.id = live.account_id JOIN public.profile ON profile.id = account.id`,
      [sid],
    );
    return rows[0];
  }

  /** The logins of an account that are still good, the one used last first. */
  async list(accountId: string): Promise<SessionInfo[]> {
    const rows = await this.#database.rows<{ id: string; client: string; created_at: Date; last_used_at: Date }>(
      `SELECT id, client, created_at, last_used_at FROM auth.session
        WHERE account_id = $1 AND revoked_at IS NULL AND expires_at > now() ORDER BY last_used_at DESC, id LIMIT 200`,
      [accountId],
    );
    return rows.map(({ id, client, created_at, last_used_at }) => ({
      id,
      client,
      createdAt: created_at.getTime(),
      lastUsedAt: last_used_at.getTime(),
    }));
  }

  async close(sid: string): Promise<void> {
    await this.#database.rows("UPDATE auth.session SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1", [sid]);
  }

  /** Ends one session of this account; whether there was one. */
  async closeOwn(accountId: string, sid: string): Promise<boolean> {
    const rows = await this.#database.rows(
      "UPDATE auth.session SET revoked_at = now() WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL RETURNING id",
      [sid, accountId],
    );
    return rows.length === 1;
  }

  async closeAll(accountId: string): Promise<void> {
    await this.#database.rows("UPDATE auth.session SET revoked_at = now() WHERE account_id = $1 AND revoked_at IS NULL", [
      accountId,
    ]);
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
