import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Server } from "../src/server.ts";
import { send, somebody, startServer, write, type Method, type Person } from "./helpers.ts";
import { Browser, PushService, vapidKeys } from "./push-service.ts";
import { zeroClient } from "./zero-client.ts";

let server: Server;
let service: PushService;
let ben: Person;
let phone: Browser;

const { share, add } = zeroClient(() => server);

beforeAll(async () => {
  service = await PushService.start();
  const { publicKey, privateKey } = vapidKeys();
  server = await startServer({
    VAPID_PUBLIC_KEY: publicKey,
    VAPID_PRIVATE_KEY: privateKey,
    VAPID_SUBJECT: "mailto:someone@example.org",
    PUSH_SERVICES: `${service.origin},https://fcm.googleapis.com,https://*.push.apple.com`,
    PUSH_SETTLE_SECONDS: "1",
  });
});
afterAll(async () => {
  service.stop();
  await server.app.close();
});

beforeEach(async () => {
  ben = await somebody(server, "Ben");
  phone = new Browser(service);
});

const as = (person: Person, method: Method, path: string, body?: object) =>
  send(server, method, path, body, { cookie: person.cookie, "content-type": "application/json" });

const subscription = (browser: Browser, more: object = {}) => ({
  endpoint: browser.endpoint,
  keys: browser.keys,
  label: "Firefox on Linux",
  ...more,
});

async function subscribe(person: Person, browser = phone, more: object = {}): Promise<string> {
  const response = await as(person, "POST", "/api/push/subscriptions", subscription(browser, more));
  expect(response.statusCode, response.body).toBe(201);
  return response.json<{ id: string }>().id;
}

type Settings = { devices: { id: string; label: string; createdAt: number; current: boolean }[]; quiet: object | null };
const settings = async (person: Person) => (await as(person, "GET", "/api/push")).json<Settings>();

describe("a device", () => {
  it("is told what others add, from the moment it asks until it asks no more", async () => {
    const ada = await somebody(server, "Ada");
    const listId = await share("Saturday", ada, ben);
    const laptop = new Browser(service);
    await subscribe(ben);
    await subscribe(ben, laptop);
    await add(ada, listId, "Milk");
    await expect.poll(() => service.for(laptop).length, { timeout: 20_000 }).toBe(1);
    expect((await as(ben, "POST", "/api/push/unsubscribe", { endpoint: phone.endpoint })).statusCode).toBe(204);
    await add(ada, listId, "Bread");
    await expect.poll(() => service.for(laptop).length, { timeout: 20_000 }).toBe(2);
    expect(service.messages(phone).map(({ body }) => body)).toEqual(["Ada added 1 item: Milk"]);
  }, 60_000);

  it("is listed by its label, without what it is reached by, and removed by its id", async () => {
    const id = await subscribe(ben);
    const response = await as(ben, "GET", "/api/push");
    expect(response.json()).toEqual({
      devices: [{ id, label: "Firefox on Linux", createdAt: expect.any(Number) as number, current: true }],
      quiet: null,
    });
    for (const secret of [phone.endpoint, phone.keys.auth, phone.keys.p256dh]) expect(response.body).not.toContain(secret);
    expect((await as(ben, "DELETE", `/api/push/subscriptions/${id}`)).statusCode).toBe(204);
    expect((await settings(ben)).devices).toEqual([]);
  });

  it("keeps its id when it asks again, with the keys and the label it has then", async () => {
    const id = await subscribe(ben);
    expect(await subscribe(ben, phone, { label: "Phone" })).toBe(id);
    expect((await settings(ben)).devices).toMatchObject([{ id, label: "Phone" }]);
  });

  it("is whoever's it was last", async () => {
    const cleo = await somebody(server, "Cleo");
    const id = await subscribe(ben);
    expect(await subscribe(cleo)).not.toBe(id);
    expect((await settings(ben)).devices).toEqual([]);
    expect((await settings(cleo)).devices).toHaveLength(1);
  });

  it("is none any more once its session has ended", async () => {
    await subscribe(ben);
    await write(server, "/api/auth/logout", {}, { cookie: ben.cookie });
    const again = await somebody(server, "Ben", ben.email);
    expect((await settings(again)).devices).toEqual([]);
  });

  it("is one of ten at most, however many ask at once", async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => as(ben, "POST", "/api/push/subscriptions", subscription(new Browser(service)))),
    );
    expect(answers.map(({ statusCode }) => statusCode).sort()).toEqual([...Array<number>(10).fill(201), 409, 409]);
    const { devices } = await settings(ben);
    await as(ben, "DELETE", `/api/push/subscriptions/${devices[0]?.id}`);
    await subscribe(ben);
  });

  it.each([
    ["http://127.0.0.1:5432/"],
    ["https://fcm.googleapis.com.evil.test/x"],
    ["https://fcm.googleapis.com:22/x"],
    ["http://fcm.googleapis.com/x"],
    ["https://evilpush.apple.com/x"],
    ["http://169.254.169.254/latest/meta-data"],
    ["file:///etc/passwd"],
    ["nothing"],
    [`https://fcm.googleapis.com/${"x".repeat(1000)}`],
  ])("is refused at %s", async (endpoint) => {
    const response = await as(ben, "POST", "/api/push/subscriptions", subscription(phone, { endpoint }));
    expect(response.statusCode).toBe(400);
    expect((await settings(ben)).devices).toEqual([]);
  });

  it("is taken at the services that are known, in one spelling", async () => {
    await subscribe(ben, phone, { endpoint: "https://fcm.googleapis.com/fcm/send/a b" });
    await subscribe(ben, phone, { endpoint: "https://web.push.apple.com/abc" });
    expect((await settings(ben)).devices).toHaveLength(2);
    await as(ben, "POST", "/api/push/unsubscribe", { endpoint: "https://FCM.googleapis.com/fcm/send/a%20b" });
    expect((await settings(ben)).devices).toHaveLength(1);
  });

  it.each<[string, (keys: Browser["keys"]) => object]>([
    ["no keys", () => ({ keys: undefined })],
    ["a point that is not on the curve", (keys) => ({ keys: { ...keys, p256dh: Buffer.alloc(65, 4).toString("base64url") } })],
    ["a short secret", (keys) => ({ keys: { ...keys, auth: "AAAA" } })],
    ["a label without end", () => ({ label: "x".repeat(81) })],
    ["a label that cannot be kept", () => ({ label: "a\0b" })],
  ])("is refused with %s", async (_what, more) => {
    const body = subscription(phone, more(phone.keys));
    expect((await as(ben, "POST", "/api/push/subscriptions", body)).statusCode).toBe(400);
  });
});

describe("quiet hours", () => {
  const put = (quiet: unknown) => as(ben, "PUT", "/api/push/quiet", quiet as object);

  it("are kept in the time zone of whoever sets them, and taken back", async () => {
    // The older of two names, which browsers still use and databases may not know.
    const quiet = { from: "22:00", until: "07:30", timeZone: "Asia/Calcutta" };
    expect((await put(quiet)).statusCode).toBe(204);
    expect((await settings(ben)).quiet).toEqual(quiet);
    expect((await put({ ...quiet, from: "00:00", until: "23:59", timeZone: "UTC" })).statusCode).toBe(204);
    expect((await settings(ben)).quiet).toMatchObject({ from: "00:00", until: "23:59" });
    const response = await server.app.inject({
      method: "PUT",
      url: "/api/push/quiet",
      headers: { origin: "https://groceries.test", cookie: ben.cookie, "content-type": "application/json" },
      payload: "null",
    });
    expect(response.statusCode, response.body).toBe(204);
    expect((await settings(ben)).quiet).toBeNull();
  });

  it.each([
    [{ from: "24:00", until: "07:00", timeZone: "UTC" }],
    [{ from: "22:00", until: "7:00", timeZone: "UTC" }],
    [{ from: "22:00", until: "22:00", timeZone: "UTC" }],
    [{ from: "22:00", until: "07:00", timeZone: "Mars/Olympus" }],
    [{ from: "22:00", until: "07:00", timeZone: "'; DROP TABLE item; --" }],
    [{ from: "22:00", until: "07:00" }],
    [[]],
  ])("are refused as %j", async (quiet) => {
    expect((await put(quiet)).statusCode).toBe(400);
    expect((await settings(ben)).quiet).toBeNull();
  });
});

describe("a stranger", () => {
  it("neither sees nor silences anybody's devices, and cannot tell whether there are any", async () => {
    const stranger = await somebody(server, "Stranger");
    const id = await subscribe(ben);
    await as(ben, "PUT", "/api/push/quiet", { from: "22:00", until: "07:00", timeZone: "UTC" });
    const before = await settings(ben);
    const nothing = await as(stranger, "DELETE", `/api/push/subscriptions/${randomUUID()}`);
    const others = await as(stranger, "DELETE", `/api/push/subscriptions/${id}`);
    expect([others.statusCode, others.body]).toEqual([nothing.statusCode, nothing.body]);
    await as(stranger, "POST", "/api/push/unsubscribe", { endpoint: phone.endpoint });
    await as(stranger, "PUT", "/api/push/quiet", { from: "01:00", until: "02:00", timeZone: "UTC" });
    expect(await settings(stranger)).toMatchObject({ devices: [] });
    expect(await settings(ben)).toEqual(before);
  });

  const routes = [
    ["GET", "/api/push"],
    ["POST", "/api/push/subscriptions"],
    ["POST", "/api/push/unsubscribe"],
    ["DELETE", `/api/push/subscriptions/${randomUUID()}`],
    ["PUT", "/api/push/quiet"],
  ] as const;

  it.each(routes)("who is not logged in is refused: %s %s", async (method, path) => {
    const response = await send(server, method, path, {}, { "content-type": "application/json" });
    expect(response.statusCode).toBe(401);
  });

  it.each(routes.slice(1))("who comes from another page is refused: %s %s", async (method, path) => {
    const headers = { cookie: ben.cookie, origin: "https://evil.test", "content-type": "application/json" };
    expect((await send(server, method, path, {}, headers)).statusCode).toBe(403);
  });

  it.each(routes)("and everybody else is told where nothing is sent: %s %s", async (method, path) => {
    const silent = await startServer();
    try {
      const response = await send(silent, method, path, {}, { cookie: ben.cookie, "content-type": "application/json" });
      expect(response.json()).toMatchObject({ error: { code: "push_disabled" } });
      expect(response.statusCode).toBe(404);
    } finally {
      await silent.app.close();
    }
  });
});
