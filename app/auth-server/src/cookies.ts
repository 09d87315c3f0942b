import type { CookieSerializeOptions } from "@fastify/cookie";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "./config.ts";
import type { Issued } from "./sessions.ts";

// The prefixes make browsers refuse these names from anywhere but this very host, over TLS.
export const ACCESS_COOKIE = "__Host-access";
export const REFRESH_COOKIE = "__Secure-refresh";

const common = { httpOnly: true, secure: true, sameSite: "strict" } as const satisfies CookieSerializeOptions;
const access = { ...common, path: "/" };
const refresh = { ...common, path: "/api/auth" };

export function setCookies(reply: FastifyReply, issued: Issued, config: Config): void {
  void reply
    .setCookie(ACCESS_COOKIE, issued.access, { ...access, maxAge: config.JWT_ACCESS_EXPIRY })
    .setCookie(REFRESH_COOKIE, issued.refresh, { ...refresh, maxAge: config.JWT_REFRESH_EXPIRY });
}

export function clearCookies(reply: FastifyReply): void {
  void reply.clearCookie(ACCESS_COOKIE, access).clearCookie(REFRESH_COOKIE, refresh);
}

export const accessCookie = (request: FastifyRequest) => request.cookies[ACCESS_COOKIE];
export const refreshCookie = (request: FastifyRequest) => request.cookies[REFRESH_COOKIE];
