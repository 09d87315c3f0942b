/** The built bundle as its own process, the way an image starts it. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { environment, freshEmail, ORIGIN, PASSWORD, postgres, somebody, startServer, ZERO_KEY } from "./helpers.ts";
import { MailServer } from "./mail-server.ts";
import { Browser, PushService, vapidKeys } from "./push-service.ts";
import { zeroClient } from "./zero-client.ts";

const SECRETS = ["DB_PASSWORD", "JWT_ACCESS_SECRET", "JWT_REFRESH_SECRET", "ZERO_AUTH_SECRET"] as const;
const MAIL_PASSWORD = "the password of the mail account";
const bundle = new URL("../dist/server.mjs", import.meta.url).pathname;

type Process = { readonly child: ChildProcess; readonly port: number; output(): string; exited: Promise<number | null> };
const running: Process[] = [];
const folders: string[] = [];

afterEach(() => {
  for (const { child } of running.splice(0)) child.kill("SIGKILL");
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

/** files: more secrets, as files. */
async function start(changes: Record<string, string> = {}, files: Record<string, string> = {}): Promise<Process> {
  const folder = mkdtempSync(join(tmpdir(), "grocery-run-"));
  folders.push(folder);
  const secrets = { ...Object.fromEntries(SECRETS.map((name) => [name, environment[name] ?? ""])), ...files };
  for (const [name, value] of Object.entries(secrets)) writeFileSync(join(folder, name), value, { mode: 0o600 });
  const plain = Object.entries(environment).filter(([name]) => !SECRETS.some((secret) => secret === name));
  const port = await freePort();
  const env = { ...Object.fromEntries(plain), PORT: String(port), SECRETS_DIRECTORY: folder, LOG_LEVEL: "debug", ...changes };
  const child = spawn(process.execPath, [bundle], { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const exited = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)));
  const one = { child, port, output: () => output, exited };
  running.push(one);
  return one;
}

type Answer = { readonly status: number; readonly headers: Record<string, unknown>; readonly cookies: string; readonly body: string };

function ask(port: number, path: string, body?: object, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = {
      port,
      path,
      method: body ? "POST" : "GET",
      headers: { ...(body ? { "content-type": "application/json", origin: ORIGIN } : {}), ...headers },
    };
    const call = request(options, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => {
        const cookies = (response.headers["set-cookie"] ?? []).map((cookie) => cookie.split(";")[0]).join("; ");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, cookies, body: text });
      });
    });
    call.on("error", reject);
    call.end(body ? JSON.stringify(body) : undefined);
  });
}

const healthy = (port: number) =>
  expect.poll(() => ask(port, "/health").then((a) => a.status, () => 0), { timeout: 10_000 }).toBe(200);

describe("the server process", () => {
  it("logs one JSON object a line, and no secret, token, cookie, password or address of a person", async () => {
    const { port, child, output, exited } = await start();
    await healthy(port);
    const email = freshEmail();
    await ask(port, "/api/auth/register", { email, password: PASSWORD, name: "Secretive Name" });
    const login = await ask(port, "/api/auth/login?password=in-a-query", { email, password: PASSWORD });
    await ask(port, "/api/auth/login", { email, password: "a wrong password" });
    await ask(port, "/api/auth/refresh", {}, { cookie: login.cookies, "x-request-id": "request-from-the-edge" });
    const query = ["transform", [{ id: "q", name: "list.nonsense", args: [] }]];
    await ask(port, "/api/zero/query?schema=grocery_0&appID=grocery", query, { "x-api-key": ZERO_KEY, cookie: login.cookies });
    await ask(port, "/api/zero/mutate?schema=grocery_0&appID=grocery", { nonsense: true }, { "x-api-key": ZERO_KEY, cookie: login.cookies });
    child.kill("SIGTERM");
    expect(await exited).toBe(0);

    const lines = output().trim().split("\n");
    expect(lines.length).toBeGreaterThan(7);
    for (const line of lines) expect(() => JSON.parse(line) as unknown, line).not.toThrow();
    expect(output()).toContain('"requestId":"request-from-the-edge"');
    const tokens = login.cookies.split("; ").map((cookie) => cookie.slice(cookie.indexOf("=") + 1));
    expect(tokens).toHaveLength(2);
    const unwanted = [email, PASSWORD, "a wrong password", "in-a-query", "Secretive Name", ...tokens];
    for (const value of [...unwanted, ...SECRETS.map((name) => environment[name] ?? "")])
      expect(output(), `the log contains ${value}`).not.toContain(value);
  });

  it("goes on serving for a while after SIGTERM, not ready, closing connections, then exits 0", async () => {
    const { port, child, exited } = await start({ DRAIN_SECONDS: "1" });
    await healthy(port);
    expect((await ask(port, "/health/ready")).status).toBe(200);
    const stopped = Date.now();
    child.kill("SIGTERM");
    await expect.poll(async () => (await ask(port, "/health/ready")).status).toBe(503);
    const served = await ask(port, "/api/auth/session");
    expect(served.status).toBe(200);
    expect(served.headers["connection"]).toBe("close");
    expect((await ask(port, "/health/live")).status).toBe(200);
    expect(await exited).toBe(0);
    expect(Date.now() - stopped, "milliseconds from SIGTERM to the end").toBeGreaterThanOrEqual(1000);
  });

  it("sends its mail over TLS with the password of a file, to a server that an authority it believes vouches for", async () => {
    const logins: unknown[] = [];
    const mail = await MailServer.start({
      authOptional: false,
      disabledCommands: [],
      key: readFileSync(join(postgres.directory, "server.key")),
      cert: readFileSync(join(postgres.directory, "server.crt")),
      onAuth: ({ username, password }, { secure }, callback) => {
        logins.push({ username, password, secure });
        callback(null, { user: username ?? "" });
      },
    });
    try {
      const settings = { ...mail.settings, SMTP_SECURITY: "starttls", SMTP_USERNAME: "grocery" };
      const { port, child, output, exited } = await start(settings, { SMTP_PASSWORD: `${MAIL_PASSWORD}\n` });
      await healthy(port);
      const email = freshEmail();
      await ask(port, "/api/auth/register", { email, password: PASSWORD, name: "N" });
      await expect.poll(() => mail.to(email).length, { timeout: 10_000 }).toBe(1);
      expect(logins).toEqual([{ username: "grocery", password: MAIL_PASSWORD, secure: true }]);
      const token = /#([\w-]{43})$/m.exec(mail.to(email)[0]?.text ?? "")?.[1] ?? "no token";
      await ask(port, "/api/auth/verify-email", { token });
      await expect.poll(output, { timeout: 10_000 }).toContain('"msg":"mail sent"');
      child.kill("SIGTERM");
      expect(await exited).toBe(0);
      for (const unwanted of [email, token, MAIL_PASSWORD])
        expect(output(), `the log contains ${unwanted}`).not.toContain(unwanted);
    } finally {
      await mail.stop();
    }
  });

  it("sends no push a second time after it was killed while sending, and goes on with the next", async () => {
    const service = await PushService.start();
    const server = await startServer();
    try {
      const { share, add } = zeroClient(() => server);
      const [ada, ben] = [await somebody(server, "Ada"), await somebody(server, "Ben")];
      const listId = await share("Saturday", ada, ben);
      const phone = new Browser(service);
      service.answer(phone, "hang");
      const { publicKey, privateKey } = vapidKeys();
      const settings = {
        VAPID_PUBLIC_KEY: publicKey,
        VAPID_SUBJECT: "mailto:someone@example.org",
        PUSH_SERVICES: service.origin,
        PUSH_SETTLE_SECONDS: "1",
      };
      const first = await start(settings, { VAPID_PRIVATE_KEY: `${privateKey}\n` });
      await healthy(first.port);
      const subscription = { endpoint: phone.endpoint, keys: phone.keys, label: "Phone" };
      const answer = await ask(first.port, "/api/push/subscriptions", subscription, { cookie: ben.cookie });
      expect(answer.status).toBe(201);
      await add(ada, listId, "Milk");
      await expect.poll(() => service.for(phone).length, { timeout: 20_000 }).toBe(1);
      first.child.kill("SIGKILL");
      await first.exited;

      service.answer(phone, 201);
      const second = await start(settings, { VAPID_PRIVATE_KEY: privateKey });
      await healthy(second.port);
      await add(ada, listId, "Bread");
      await expect.poll(() => service.for(phone).length, { timeout: 20_000 }).toBe(2);
      expect(service.messages(phone).map(({ body }) => body)).toEqual([
        "Ada added 1 item: Milk",
        "Ada added 1 item: Bread",
      ]);
      second.child.kill("SIGTERM");
      expect(await second.exited).toBe(0);
      for (const unwanted of [phone.endpoint, phone.keys.auth, privateKey, "Milk", "Bread", "Saturday"])
        expect(first.output() + second.output(), `the log contains ${unwanted}`).not.toContain(unwanted);
    } finally {
      service.stop();
      await server.app.close();
    }
  }, 60_000);

  it("exits 2 with every missing setting named when it cannot start", async () => {
    const { output, exited } = await start({ DB_HOST: "", CORS_ORIGIN: "" });
    expect(await exited).toBe(2);
    expect(JSON.parse(output())).toMatchObject({ level: "fatal", msg: expect.stringContaining("DB_HOST: is missing") });
  });

  it("tells its version, its requests by route and its pool to Prometheus", async () => {
    const { port } = await start();
    await healthy(port);
    await ask(port, "/api/auth/session");
    await ask(port, "/secret/path/of/somebody");
    const { body } = await ask(port, "/metrics");
    expect(body).toMatch(/^build_info\{version="\d+\.\d+\.\d+"\} 1/m);
    expect(body).toMatch(/^active_users \d+$/m);
    expect(body).toContain('http_errors_total{kind="not_found"} 1');
    expect(body).toMatch(/db_pool_connections\{state="total"\} [1-5]$/m);
    expect(body).toContain('http_request_duration_seconds_count{method="GET",route="/api/auth/session",status="200"} 1');
    expect(body).toContain('route="unmatched",status="404"');
    expect(body, "paths would be without bound").not.toContain("/secret/path");
    expect(body).toMatch(/db_pool_waiting 0/);
    expect(body).toMatch(/db_pool_max 5/);
  });
});
