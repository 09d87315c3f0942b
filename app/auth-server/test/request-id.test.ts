/** What the database's own log says of requests. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../src/server.ts";
import { freshEmail, PASSWORD, postgres, send, somebody, startServer, write, ZERO_KEY } from "./helpers.ts";
import { adminClient } from "./postgres.ts";

let server: Server;
let admin: pg.Client;

beforeAll(async () => {
  admin = adminClient(postgres);
  await admin.connect();
  // As a deployment does for slow statements and for failing ones: here every statement is slow.
  await admin.query("ALTER ROLE api_a SET log_min_duration_statement = 0");
  await admin.query("ALTER ROLE api_a SET log_min_error_statement = 'error'");
  // One connection, so that requests wait for each other's.
  server = await startServer({ DB_MAX_CONNECTIONS: "1" });
});

afterAll(async () => {
  await server.app.close();
  await admin.query("ALTER ROLE api_a RESET ALL");
  await admin.end();
});

/** Entries of the log, each with all its lines: a statement keeps its line breaks. */
const entries = () => readFileSync(join(postgres.directory, "log"), "utf8").split(/\n(?=\d{4}-\d\d-\d\d )/);
const about = (text: string) => entries().filter((entry) => entry.includes(text));

describe("a request's id", () => {
  it("begins every statement that the request causes, in transactions and outside", async () => {
    const email = freshEmail();
    await write(server, "/api/auth/register", { email, password: PASSWORD, name: "Ada" }, { "x-request-id": "edge-register-1" });
    const said = about("edge-register-1");
    expect(said.some((entry) => /\/\* request_id=edge-register-1 \*\/ INSERT INTO auth\.throttle/.test(entry))).toBe(true);
    expect(said.some((entry) => /\/\* request_id=edge-register-1 \*\/ WITH made AS/.test(entry))).toBe(true);
    expect(said.some((entry) => /\/\* request_id=edge-register-1 \*\/ COMMIT/.test(entry))).toBe(true);
  });

  it("is each request's own while many wait for one connection", async () => {
    const people = Array.from({ length: 8 }, (_, number) => ({ email: freshEmail(), id: `edge-crowd-${number}` }));
    await Promise.all(
      people.map(({ email, id }) =>
        write(server, "/api/auth/register", { email, password: PASSWORD, name: "Crowd" }, { "x-request-id": id }),
      ),
    );
    const all = entries();
    for (const { email, id } of people) {
      // The parameters of a statement are logged in the entry after it.
      const statements = all.filter((_, index) => all[index + 1]?.includes(`'${email}'`));
      expect(statements.length).toBeGreaterThan(0);
      for (const statement of statements) expect(statement).toContain(`/* request_id=${id} */`);
    }
  });

  it("names the request whose statement failed", async () => {
    const person = await somebody(server);
    await admin.query("REVOKE SELECT ON auth.session FROM api");
    try {
      const response = await send(server, "GET", "/api/account", {}, { cookie: person.cookie, "x-request-id": "edge-failing-1" });
      expect(response.statusCode).toBe(500);
    } finally {
      await admin.query("GRANT SELECT ON auth.session TO api");
    }
    const [failure] = about("STATEMENT:  /* request_id=edge-failing-1 */");
    expect(failure).toBeDefined();
  });

  it("reaches what zero-cache asks", async () => {
    const person = await somebody(server);
    const body = { clientGroupID: "g", mutations: [], pushVersion: 1, schemaVersion: 1, timestamp: 0, requestID: "r" };
    await write(server, "/api/zero/mutate?schema=grocery_0&appID=grocery", body, {
      "x-api-key": ZERO_KEY,
      cookie: person.cookie,
      "x-request-id": "edge-zero-1",
    });
    expect(about("/* request_id=edge-zero-1 */").length).toBeGreaterThan(0);
  });

  it.each(["*/ DROP TABLE auth.account; /*", "a_b", "x".repeat(65), ""])("that is %j is replaced by a new one", async (id) => {
    const response = await send(server, "GET", "/api/auth/session", {}, { "x-request-id": id });
    expect(response.headers["x-request-id"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("is no part of what the server does on its own", async () => {
    await server.database.rows("SELECT 'nobody asked for this'");
    const [statement] = about("SELECT 'nobody asked for this'");
    expect(statement).not.toContain("request_id");
  });
});
