/** What an answer costs tells as much as what it says: for an address with an account and for one without, the same. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { Server } from "../src/server.ts";
import { freshEmail, PASSWORD, somebody, startServer, write } from "./helpers.ts";
import { MailServer } from "./mail-server.ts";

const work = vi.hoisted((): string[] => []);

// Hashing is what takes long. The real thing does it; here is noted that it was done, and at which cost.
vi.mock("@node-rs/bcrypt", async (original) => {
  const real = await original<typeof import("@node-rs/bcrypt")>();
  return {
    ...real,
    hash: (text: string, options: { cost: number }) => {
      work.push(`hash at cost ${options.cost}`);
      return real.hash(text, options as never);
    },
    verify: (text: string, hashed: string) => {
      work.push(`verify at cost ${Number(hashed.split("$")[2])}`);
      return real.verify(text, hashed);
    },
  };
});

let mail: MailServer;
let server: Server;
beforeAll(async () => {
  mail = await MailServer.start();
  server = await startServer(mail.settings);
  const note = (sql: unknown) => {
    // What the queue does meanwhile is no part of an answer.
    if (typeof sql === "string" && !/mail\.outbox (SET|WHERE)|auth\.mail_token|verified_at IS NOT NULL AS verified/.test(sql))
      // Nor is it which request a statement was for.
      work.push(sql.replace(/^\/\*.*?\*\//, "").replace(/\s+/g, " ").trim());
  };
  const { pool } = server.database;
  const query = pool.query.bind(pool) as (...args: unknown[]) => unknown;
  pool.query = ((...args: unknown[]) => {
    note(args[0]);
    return query(...args);
  }) as typeof pool.query;
  pool.on("connect", (client) => {
    const ask = client.query.bind(client) as (...args: unknown[]) => unknown;
    client.query = ((...args: unknown[]) => {
      note(args[0]);
      return ask(...args);
    }) as typeof client.query;
  });
});
afterAll(async () => {
  await server.app.close();
  await mail.stop();
});
beforeEach(() => work.splice(0));

type Observed = { readonly status: number; readonly body: string; readonly cookies: number; readonly work: readonly string[] };

async function observe(path: string, body: object): Promise<Observed> {
  const from = work.length;
  const response = await write(server, path, body);
  // A statement through the pool is noted twice, by the pool and by its connection.
  const done = work.slice(from).filter((line, index, all) => line !== all[index - 1]);
  return { status: response.statusCode, body: response.body, cookies: response.cookies.length, work: done };
}

describe("an address with an account and one without are answered alike, for the same work", () => {
  it("when somebody logs in with a wrong password", async () => {
    const { email } = await somebody(server);
    const known = await observe("/api/auth/login", { email, password: "a wrong password" });
    const unknown = await observe("/api/auth/login", { email: freshEmail(), password: "a wrong password" });
    expect(known.status).toBe(401);
    expect(known.work).toContain("verify at cost 4");
    expect(unknown).toEqual(known);
    expect(await observe("/api/auth/login", { email: "no address", password: "x" }), "nonsense").toEqual(known);
  });

  it("when somebody registers", async () => {
    const { email } = await somebody(server);
    const known = await observe("/api/auth/register", { email, password: PASSWORD, name: "N" });
    const unknown = await observe("/api/auth/register", { email: freshEmail(), password: PASSWORD, name: "N" });
    expect(known.status).toBe(202);
    expect(known.work).toContain("hash at cost 4");
    expect(unknown).toEqual(known);
  });

  it("when somebody asks for a new password", async () => {
    const { email } = await somebody(server);
    const known = await observe("/api/auth/forgot-password", { email });
    const unknown = await observe("/api/auth/forgot-password", { email: freshEmail() });
    expect(known.status).toBe(202);
    expect(known.work.some((line) => line.startsWith("INSERT INTO mail.outbox"))).toBe(true);
    expect(unknown).toEqual(known);
  });
});

describe("the cost of hashing", () => {
  it("follows the settings as people log in, so that old accounts are not told apart for ever", async () => {
    const person = await somebody(server);
    const dearer = await startServer({ BCRYPT_ROUNDS: "5" });
    try {
      expect((await write(dearer, "/api/auth/login", { email: person.email, password: PASSWORD })).statusCode).toBe(200);
      const hashes = await server.database.rows<{ password_hash: string }>("SELECT password_hash FROM auth.account WHERE id = $1", [person.id]);
      expect(hashes[0]?.password_hash).toMatch(/^\$2b\$05\$/);
      expect((await write(dearer, "/api/auth/login", { email: person.email, password: PASSWORD })).statusCode).toBe(200);
    } finally {
      await dearer.app.close();
    }
  });
});
