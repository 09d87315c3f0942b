import type { LightMyRequestResponse } from "fastify";
import { inject } from "vitest";
import { loadConfig } from "../src/config.ts";
import { buildServer, type Server } from "../src/server.ts";

export const ORIGIN = "https://groceries.test";
export const PASSWORD = "correct horse battery";
export const ZERO_KEY = "the-key-that-only-zero-cache-has-0123456789";

export const postgres = inject("postgres");

export const environment: Record<string, string> = {
  LOG_LEVEL: "silent",
  DB_HOST: "localhost",
  DB_PORT: String(postgres.port),
  DB_NAME: "grocery",
  DB_USER: "api_a",
  DB_PASSWORD: "secret-of-the-database",
  DB_CONNECTION_TIMEOUT: "1000",
  DB_MAX_CONNECTIONS: "5",
  PGSSLMODE: "verify-full",
  NODE_EXTRA_CA_CERTS: postgres.ca,
  JWT_ACCESS_SECRET: "access-secret-0123456789-0123456789-01",
  JWT_REFRESH_SECRET: "refresh-secret-0123456789-0123456789-0",
  ZERO_AUTH_SECRET: ZERO_KEY,
  CORS_ORIGIN: ORIGIN,
  BCRYPT_ROUNDS: "4",
  TRUST_PROXY: "true",
  DRAIN_SECONDS: "0",
  // Everyone in these tests comes from one address.
  REGISTRATIONS_PER_ADDRESS: "100000",
  MAIL_REQUESTS_PER_ADDRESS: "100000",
};

export function startServer(changes: Record<string, string> = {}): Promise<Server> {
  return buildServer(loadConfig({ ...environment, ...changes }, "/nowhere", "1.2.3"));
}

let counter = 0;
/** An address nobody has used, in this test run. */
export const freshEmail = () => `someone-${process.pid}-${(counter += 1)}@example.org`;

export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** A request as the page sends it. */
export const send = (
  server: Server,
  method: Method,
  path: string,
  body: object = {},
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> =>
  server.app.inject({
    method,
    url: path,
    headers: { ...(method === "GET" ? {} : { origin: ORIGIN }), ...headers },
    ...(method === "GET" ? {} : { payload: body }),
  });

export const write = (server: Server, path: string, body: object, headers: Record<string, string> = {}) =>
  send(server, "POST", path, body, headers);

/** Every route of the server, as "GET /api/account". */
export function routesOf(server: Server): string[] {
  const path: string[] = [];
  return server.app
    .printRoutes({ commonPrefix: false })
    .split("\n")
    .flatMap((line) => {
      const [, indent = "", part = "", methods] = /^([│ ]*)[├└]── (\S*)(?: \(([A-Z, ]+)\))?/.exec(line) ?? [];
      path.length = indent.length / 4;
      path.push(part);
      const found = (methods ?? "").split(", ").filter((method) => method !== "" && method !== "HEAD");
      return found.map((method) => `${method} ${path.join("")}`);
    });
}

/** The cookies an answer sets, as the header a browser sends back. */
export const cookieHeader = (response: LightMyRequestResponse): string =>
  response.cookies
    .filter((cookie) => cookie.value !== "")
    .map((cookie) => `${cookie.name}=${cookie.value}`)
    .join("; ");

export const cookieValue = (response: LightMyRequestResponse, name: string): string | undefined =>
  response.cookies.find((cookie) => cookie.name === name)?.value;

export type Person = { readonly id: string; readonly email: string; readonly cookie: string };

/** Somebody with an account, logged in. */
export async function somebody(server: Server, name = "Somebody", email = freshEmail()): Promise<Person> {
  await write(server, "/api/auth/register", { email, password: PASSWORD, name });
  const response = await write(server, "/api/auth/login", { email, password: PASSWORD });
  const { user } = response.json<{ user: { id: string } }>();
  return { id: user.id, email, cookie: cookieHeader(response) };
}
