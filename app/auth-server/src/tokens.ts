import { jwtVerify, SignJWT, type JWTPayload } from "jose";
import * as z from "zod";
import type { Config } from "./config.ts";

const ISSUER = "grocery";

const accessClaims = z.object({ sub: z.uuid(), sid: z.uuid(), email: z.string(), name: z.string(), exp: z.number() });
const refreshClaims = z.object({ sid: z.uuid(), seq: z.number().int().positive() });

/** Who a verified access token speaks for, and in which session. `exp` in seconds since 1970. */
export type Identity = z.infer<typeof accessClaims>;
export type RefreshToken = z.infer<typeof refreshClaims>;

const key = (secret: string) => new TextEncoder().encode(secret);

/** Signs with the current secrets, accepts the previous ones too, so that a rotation logs nobody out. */
export class Tokens {
  readonly #config: Config;
  readonly #access: readonly Uint8Array[];
  readonly #refresh: readonly Uint8Array[];

  constructor(config: Config) {
    this.#config = config;
    const keys = (current: string, previous: string | undefined) =>
      previous === undefined ? [key(current)] : [key(current), key(previous)];
    this.#access = keys(config.JWT_ACCESS_SECRET, config.JWT_ACCESS_SECRET_PREVIOUS);
    this.#refresh = keys(config.JWT_REFRESH_SECRET, config.JWT_REFRESH_SECRET_PREVIOUS);
  }

  async signAccess(identity: Omit<Identity, "exp">): Promise<string> {
    const { sub, ...claims } = identity;
    return this.#sign(claims, "access", this.#access, this.#config.JWT_ACCESS_EXPIRY, sub);
  }

  async signRefresh(token: RefreshToken): Promise<string> {
    return this.#sign(token, "refresh", this.#refresh, this.#config.JWT_REFRESH_EXPIRY);
  }

  async verifyAccess(token: string | undefined): Promise<Identity | undefined> {
    return accessClaims.safeParse(await verify(token, "access", this.#access)).data;
  }

  async verifyRefresh(token: string | undefined): Promise<RefreshToken | undefined> {
    return refreshClaims.safeParse(await verify(token, "refresh", this.#refresh)).data;
  }

  #sign(
    claims: JWTPayload,
    audience: string,
    keys: readonly Uint8Array[],
    seconds: number,
    subject?: string,
  ): Promise<string> {
    const jwt = new SignJWT(claims)
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setIssuer(ISSUER)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds);
    if (subject !== undefined) jwt.setSubject(subject);
    const [current] = keys;
    if (current === undefined) throw new Error("no key to sign with");
    return jwt.sign(current);
  }
}

async function verify(
  token: string | undefined,
  audience: string,
  keys: readonly Uint8Array[],
): Promise<JWTPayload | undefined> {
  if (token === undefined) return undefined;
  for (const candidate of keys) {
    try {
      return (await jwtVerify(token, candidate, { algorithms: ["HS256"], issuer: ISSUER, audience })).payload;
    } catch {
      // The previous secret may still know it.
    }
  }
  return undefined;
}
