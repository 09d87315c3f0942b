import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../src/server.ts";
import { freshEmail, PASSWORD, postgres, somebody, startServer, write, ZERO_KEY, type Person } from "./helpers.ts";
import { startPostgres, stopPostgres } from "./postgres.ts";

let server: Server;
let person: Person;
beforeAll(async () => {
  server = await startServer();
  person = await somebody(server);
  await server.app.inject({ url: "/health" });
});
afterAll(() => server.app.close());

const status = async (url: string, on = server) => (await on.app.inject({ url })).statusCode;

describe("while the database is away", () => {
  it("says so, stays alive, keeps every write, and is back by itself", async () => {
    const clientID = randomUUID();
    const listId = randomUUID();
    const push = (name: string, id: number, args: object) =>
      write(
        server,
        "/api/zero/mutate?schema=grocery_0&appID=grocery",
        {
          clientGroupID: clientID,
          mutations: [{ type: "custom", id, clientID, name, args: [args], timestamp: 0 }],
          pushVersion: 1,
          timestamp: 0,
          requestID: "request",
        },
        { "x-api-key": ZERO_KEY, cookie: person.cookie },
      );
    const create = () => push("list.create", 1, { id: listId, name: "Written in an outage", at: 0 });
    expect(await status("/health/ready")).toBe(200);

    stopPostgres(postgres);
    const never = await startServer();
    try {
      const refused = await write(server, "/api/auth/login", { email: person.email, password: PASSWORD });
      expect(refused.statusCode).toBe(503);
      expect(refused.json()).toMatchObject({ error: { code: "unavailable" } });
      expect((await create()).statusCode, "what zero-cache repeats").toBe(503);
      expect(await status("/health/ready")).toBe(503);
      expect(await status("/health"), "it has answered before").toBe(200);
      expect(await status("/health/live")).toBe(200);
      expect(await status("/metrics")).toBe(200);
      expect(await status("/health", never), "it has never answered").toBe(503);
      expect(await status("/health/live", never)).toBe(200);
    } finally {
      startPostgres(postgres);
    }
    try {
      expect(await status("/health", never), "asked again").toBe(200);
      expect(await status("/health/ready")).toBe(200);
      const repeated = await create();
      expect(repeated.json()).toMatchObject({ mutations: [{ result: {} }] });
      const lists = await server.database.rows("SELECT name FROM list WHERE id = $1", [listId]);
      expect(lists).toEqual([{ name: "Written in an outage" }]);
    } finally {
      await never.app.close();
    }
  });

  it("breaks in the middle of a mutation without losing it", async () => {
    const clientID = randomUUID();
    const id = randomUUID();
    const push = () =>
      write(
        server,
        "/api/zero/mutate?schema=grocery_0&appID=grocery",
        {
          clientGroupID: clientID,
          mutations: [
            { type: "custom", id: 1, clientID, name: "list.create", args: [{ id, name: "Torn", at: 0 }], timestamp: 0 },
          ],
          pushVersion: 1,
          timestamp: 0,
          requestID: "request",
        },
        { "x-api-key": ZERO_KEY, cookie: person.cookie },
      );
    const blocker = await server.database.pool.connect();
    try {
      await blocker.query("BEGIN; LOCK TABLE list IN ACCESS EXCLUSIVE MODE");
      const pushed = push();
      await expect
        .poll(async () => (await waiting()).length, { message: "the mutation waits for the lock" })
        .toBeGreaterThan(0);
      for (const { pid } of await waiting()) await server.database.rows("SELECT pg_terminate_backend($1)", [pid]);
      expect((await pushed).statusCode, "not answered as refused, though a second try would have got through").toBe(503);
    } finally {
      await blocker.query("ROLLBACK");
      blocker.release();
    }
    expect(await server.database.rows("SELECT 1 FROM grocery_0.mutations WHERE \"clientID\" = $1", [clientID])).toEqual([]);
    expect((await push()).json()).toMatchObject({ mutations: [{ result: {} }] });
    expect(await server.database.rows("SELECT 1 FROM list WHERE id = $1", [id])).toHaveLength(1);
  });
});

const waiting = () =>
  server.database.rows<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'grocery' AND usename = current_user",
  );

describe("the connection to the database", () => {
  const ping = async (changes: Record<string, string>) => {
    const one = await startServer(changes);
    try {
      await one.database.ping();
      return (await one.database.rows<{ ssl: boolean; version: string }>(
        "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
      ))[0];
    } finally {
      await one.app.close();
    }
  };

  it("is encrypted and verified against the given authority", async () => {
    expect(await ping({})).toEqual({ ssl: true, version: "TLSv1.3" });
  });

  it("is refused when another authority signed the certificate, and the caller gets 503", async () => {
    const changes = { NODE_EXTRA_CA_CERTS: postgres.foreignCa };
    await expect(ping(changes)).rejects.toThrow(/unable to verify|self-signed|unable to get/i);
    const distrustful = await startServer(changes);
    try {
      const body = { email: freshEmail(), password: PASSWORD };
      expect((await write(distrustful, "/api/auth/login", body)).statusCode).toBe(503);
      expect(await status("/health", distrustful)).toBe(503);
    } finally {
      await distrustful.app.close();
    }
  });

  it("is refused when the certificate names another host, also for a host given by its IP address", async () => {
    await expect(ping({ DB_HOST: "127.0.0.1" })).rejects.toThrow(/IP: 127\.0\.0\.1 is not in the cert/);
  });

  it("is not made in the clear when the server allows nothing else", async () => {
    await expect(ping({ PGSSLMODE: "disable" })).rejects.toThrow(/no encryption/);
  });
});
