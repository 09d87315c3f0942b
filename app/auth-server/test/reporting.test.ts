import { createServer, type IncomingHttpHeaders, type Server as HttpServer } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { envelope, framesOf, impersonal } from "../src/reporting/event.ts";
import type { Server } from "../src/server.ts";
import { PASSWORD, send, somebody, startServer, write } from "./helpers.ts";

type Received = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly parts: Record<string, unknown>[] };

/** An error tracker that keeps what it is sent. */
class Tracker {
  readonly received: Received[] = [];
  status = 200;
  #server: HttpServer | undefined;
  port = 0;

  async start(): Promise<void> {
    this.#server = createServer((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        const parts = body.trim().split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
        this.received.push({ path: request.url ?? "", headers: request.headers, parts });
        response.writeHead(this.status, { "retry-after": "60" }).end("{}");
      });
    });
    await new Promise<void>((resolve) => this.#server?.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.port = typeof address === "object" && address ? address.port : 0;
  }

  get dsn(): string {
    return `http://public-key@127.0.0.1:${this.port}/base/42`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server?.close(() => resolve()));
  }
}

const REPORT = { message: "TypeError: x is not a function", stack: "", where: "/lists/:id", release: "1.2.3" };
const event = (received: Received | undefined) => (received?.parts[2] ?? {}) as Record<string, unknown>;

describe("an event", () => {
  it("has the frames of Node, Chromium, Firefox and Safari, the outermost call first", () => {
    const node = "Error: no\n    at work (file:///app/server.mjs:10:5)\n    at async Promise.all (index 0)\n    at node:internal/x:1:2";
    expect(framesOf(node)).toEqual([
      { function: "?", filename: "node:internal/x", lineno: 1, colno: 2, in_app: false },
      { function: "work", filename: "file:///app/server.mjs", lineno: 10, colno: 5, in_app: true },
    ]);
    const firefox = "click@https://groceries.test/assets/index-abc.js:1:99\n@https://groceries.test/assets/index-abc.js:2:3";
    expect(framesOf(firefox).map((frame) => [frame.function, frame.lineno, frame.colno])).toEqual([
      ["?", 2, 3],
      ["click", 1, 99],
    ]);
  });

  it("is not slowed down by a stack that is made to", () => {
    const nasty = `at ${"(".repeat(200_000)}\n${"@".repeat(200_000)}`;
    expect(framesOf(nasty)).toEqual([]);
  });

  it("leaves out addresses, ids and whatever is as long as a token", () => {
    const token = "k".repeat(43);
    const text = `user ada@example.org has no list 0190aaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee (${token}), column "name" at line 12`;
    expect(impersonal(text)).toBe('user [address] has no list [id] ([secret]), column "name" at line 12');
    const fault = { platform: "node", type: "Error", message: text, stack: "", release: "1.2.3", where: "/api/x" } as const;
    expect(envelope(fault, "production")).not.toMatch(/ada@|k{43}/);
  });
});

describe("error reporting", () => {
  const tracker = new Tracker();
  let server: Server;
  beforeAll(async () => {
    await tracker.start();
    server = await startServer({ ERROR_REPORTING_DSN: tracker.dsn });
  });
  afterAll(async () => {
    await server.app.close();
    await tracker.stop();
  });

  const came = async (count: number) => {
    await expect.poll(() => tracker.received.length, { timeout: 10_000 }).toBe(count);
    return tracker.received[count - 1];
  };

  it("passes on what went wrong in a page, with the name of the request and none of the person", async () => {
    const before = tracker.received.length;
    const person = await somebody(server, "Ada");
    const stack = "TypeError: x\n    at click (https://groceries.test/assets/index-abc.js:1:99)";
    const response = await write(server, "/api/errors", { ...REPORT, stack }, { cookie: person.cookie, "x-request-id": "from-the-edge" });
    expect(response.statusCode).toBe(202);
    const received = await came(before + 1);
    expect(received?.path).toBe("/base/api/42/envelope/");
    expect(received?.headers["x-sentry-auth"]).toMatch(/^Sentry sentry_version=7, .*sentry_key=public-key$/);
    expect(event(received)).toMatchObject({
      platform: "javascript",
      release: "grocery-list@1.2.3",
      transaction: "/lists/:id",
      tags: { request_id: "from-the-edge" },
      exception: { values: [{ type: "TypeError", value: "x is not a function", stacktrace: { frames: [{ function: "click" }] } }] },
    });
    expect(JSON.stringify(received?.parts)).not.toMatch(new RegExp(`${person.email}|${person.id}|Ada`));
  });

  it("tells of a fault of the server itself, by its route, and not of what a client did wrong", async () => {
    const before = tracker.received.length;
    await write(server, "/api/auth/login", { email: "x", password: "y" });
    await write(server, "/api/auth/login", { wrong: true });
    const person = await somebody(server);
    // No route fails like this on purpose, so the database is made to say what nobody expects of it.
    const query = server.database.rows.bind(server.database);
    server.database.rows = () => Promise.reject(new Error(`unheard of, said ${person.email}`));
    try {
      const response = await send(server, "GET", "/api/account", {}, { cookie: person.cookie });
      expect([response.statusCode, response.json()]).toMatchObject([500, { error: { code: "internal" } }]);
    } finally {
      server.database.rows = query;
    }
    expect(event(await came(before + 1))).toMatchObject({
      platform: "node",
      transaction: "/api/account",
      exception: { values: [{ value: "unheard of, said [address]" }] },
    });
  });

  it.each([
    ["more than it asks for", { ...REPORT, user: "ada@example.org" }, 400],
    ["an endless message", { ...REPORT, message: "x".repeat(1001) }, 400],
    ["a release that is none", { ...REPORT, release: "1\n2" }, 400],
    ["more than 16 KiB", { ...REPORT, stack: "x".repeat(17_000) }, 413],
  ])("refuses %s", async (_what, body, status) => {
    expect((await write(server, "/api/errors", body)).statusCode).toBe(status);
  });

  it("is for our own page only, and for each address only so often", async () => {
    const elsewhere = { origin: "https://evil.test", "x-forwarded-for": "198.51.100.20" };
    expect((await write(server, "/api/errors", REPORT, elsewhere)).statusCode).toBe(403);
    const codes = [];
    for (let n = 0; n < 31; n += 1)
      codes.push((await write(server, "/api/errors", REPORT, { "x-forwarded-for": "198.51.100.21" })).statusCode);
    expect(codes.slice(0, 30).every((code) => code === 202)).toBe(true);
    expect(codes[30]).toBe(429);
  });

  it("stops for a while when the tracker has had enough, and never troubles who reports", async () => {
    const busy = await startServer({ ERROR_REPORTING_DSN: tracker.dsn });
    const before = tracker.received.length;
    tracker.status = 429;
    try {
      expect((await write(busy, "/api/errors", REPORT)).statusCode).toBe(202);
      await came(before + 1);
      await expect
        .poll(async () => (await busy.app.inject({ url: "/metrics" })).body, { timeout: 10_000 })
        .toContain('error_reports_total{result="failed"} 1');
      expect((await write(busy, "/api/errors", REPORT)).statusCode).toBe(202);
      expect((await busy.app.inject({ url: "/metrics" })).body).toContain('error_reports_total{result="dropped"} 1');
      expect(tracker.received).toHaveLength(before + 1);
    } finally {
      tracker.status = 200;
      await busy.app.close();
    }
  });

  it("is off where no tracker is named, which pages are told", async () => {
    const plain = await startServer();
    try {
      expect((await write(plain, "/api/errors", REPORT)).statusCode).toBe(404);
      expect((await send(plain, "GET", "/api/config")).json()).toMatchObject({ errorReporting: false });
      expect((await send(server, "GET", "/api/config")).json()).toMatchObject({ errorReporting: true, release: "1.2.3" });
      expect((await send(server, "GET", "/api/config")).body, "where to is nobody's business").not.toContain("public-key");
    } finally {
      await plain.app.close();
    }
  });

  it("has nothing to say of a password", () => {
    expect(JSON.stringify(tracker.received.map(({ parts }) => parts))).not.toContain(PASSWORD);
  });
});
