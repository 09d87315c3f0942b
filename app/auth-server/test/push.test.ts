import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PushConfig } from "../src/config.ts";
import { tidy } from "../src/housekeeping.ts";
import { Metrics } from "../src/metrics.ts";
import { Devices } from "../src/push/devices.ts";
import { message } from "../src/push/message.ts";
import { judge, post } from "../src/push/post.ts";
import { Queue, retryDelay } from "../src/push/queue.ts";
import { silentUntil } from "../src/push/quiet.ts";
import { Sender } from "../src/push/sender.ts";
import { knownEndpoint } from "../src/push/services.ts";
import type { Server } from "../src/server.ts";
import { somebody, startServer, write, type Person } from "./helpers.ts";
import { Browser, PushService, vapidClaims, vapidKeys } from "./push-service.ts";
import { zeroClient } from "./zero-client.ts";

// The server has no keys, so nothing is sent but by the turns that the tests take themselves.
let server: Server;
let service: PushService;
let config: PushConfig;
let metrics: Metrics;
let sender: Sender;
let devices: Devices;
let ada: Person;
let ben: Person;
let listId: string;
let phone: Browser;

const { done, share, rows, add: addTo } = zeroClient(() => server);
const add = (person: Person, name: string, to = listId) => addTo(person, to, name);
const parts = () => ({ database: server.database, metrics: new Metrics("1.2.3", server.database), log: server.app.log });

beforeAll(async () => {
  server = await startServer();
  service = await PushService.start();
  config = {
    ...vapidKeys(),
    subject: "mailto:someone@example.org",
    services: [{ origin: service.origin }],
    settleSeconds: 0,
  };
  const given = parts();
  metrics = given.metrics;
  sender = new Sender(config, given);
  devices = new Devices(server.database);
});
afterAll(async () => {
  service.stop();
  await server.app.close();
});

beforeEach(async () => {
  // Whatever an earlier test left waiting is not this one's.
  await rows("DELETE FROM push.subscription");
  [ada, ben] = await Promise.all([somebody(server, "Ada"), somebody(server, "Ben")]);
  listId = await share("Saturday", ada, ben);
  phone = await subscribe(ben);
});

async function visitor(person: Person) {
  const [session] = await rows("SELECT id FROM auth.session WHERE account_id = $1 ORDER BY created_at DESC", person.id);
  return { sid: String(session?.["id"]), user: { id: person.id, email: person.email, name: "", emailVerified: false } };
}

async function subscribe(person: Person, label = "Phone"): Promise<Browser> {
  const browser = new Browser(service);
  await devices.add(await visitor(person), { endpoint: browser.endpoint, ...browser.keys, label });
  return browser;
}

const deliveries = () =>
  rows(
    `SELECT state, attempts, extract(epoch FROM due_at - now())::float8 AS wait FROM push.delivery
       JOIN push.subscription ON subscription.id = subscription_id WHERE endpoint = $1`,
    phone.endpoint,
  );
/** As if so long had passed. */
const pass = (interval: string) =>
  rows("UPDATE push.delivery SET due_at = due_at - $1::interval, deadline = deadline - $1::interval", interval);
const bodies = (browser: Browser) => service.messages(browser).map(({ body }) => body);

describe("what somebody adds", () => {
  it("reaches the other members' devices, encrypted for each and signed with the stack's key", async () => {
    const laptop = await subscribe(ben, "Laptop");
    await add(ada, "Milk");
    await sender.turn();
    const [event] = await rows("SELECT id FROM push.event WHERE list_id = $1", listId);
    for (const browser of [phone, laptop]) {
      const [received, ...more] = service.for(browser);
      if (!received) throw new Error("nothing was sent");
      expect(more).toEqual([]);
      expect(service.messages(browser)).toEqual([
        {
          v: 1,
          event: event?.["id"],
          title: "Saturday",
          body: "Ada added 1 item: Milk",
          url: `/lists/${listId}`,
          tag: `list-${listId}`,
        },
      ]);
      expect(received.headers).toMatchObject({
        "content-encoding": "aes128gcm",
        ttl: "14400",
        urgency: "normal",
        topic: expect.stringMatching(/^[\w-]{32}$/) as string,
      });
      expect(received.headers.topic, "the push service learns no list by it").not.toContain(listId.slice(0, 8));
      const claims = await vapidClaims(received, config);
      expect(claims).toMatchObject({ aud: service.origin, sub: config.subject });
      expect(claims.exp, "no longer than a day").toBeLessThanOrEqual(Date.now() / 1000 + 86_400);
    }
    const [first] = service.for(phone);
    expect(() => laptop.decrypt(first?.body ?? Buffer.alloc(0))).toThrow();
    expect(metricOf(await metrics.registry.metrics(), "sent")).toBeGreaterThan(0);
  });

  it("is not told to themselves, to strangers, or to whoever has left", async () => {
    const own = await subscribe(ada);
    const stranger = await subscribe(await somebody(server, "Stranger"));
    await done(ben, "member.remove", { listId, userId: ben.id });
    await add(ada, "Milk");
    await sender.turn();
    for (const browser of [own, stranger, phone]) expect(service.for(browser)).toEqual([]);
  });

  it("is told as one message, of what is still there when they have finished", async () => {
    for (const name of ["Milk", "Bread", "Eggs", "Salt"]) await add(ada, name);
    const mistake = await add(ada, "Beer");
    await done(ada, "item.remove", { id: mistake });
    await sender.turn();
    expect(bodies(phone)).toEqual(["Ada added 4 items: Milk, Bread, Eggs and more"]);
  });

  it("is not told at all when it is taken back at once", async () => {
    await done(ada, "item.remove", { id: await add(ada, "Milk") });
    await sender.turn();
    expect(service.for(phone)).toEqual([]);
    expect(await rows("SELECT 1 FROM push.event WHERE list_id = $1", listId)).toEqual([]);
  });

  it("waits until nothing more has come for a while, though not for ever", async () => {
    const queue = new Queue(server.database);
    const settled = async () => (await rows("SELECT 1 FROM push.event WHERE list_id = $1", listId)).length;
    await add(ada, "Milk");
    await queue.settle(20);
    expect(await settled()).toBe(0);
    await rows("UPDATE push.addition SET added_at = added_at - interval '21 seconds' WHERE list_id = $1", listId);
    await add(ada, "Bread");
    await queue.settle(20);
    expect(await settled(), "she is still adding").toBe(0);
    await rows("UPDATE push.addition SET added_at = added_at - interval '100 seconds' WHERE list_id = $1 AND actor_id = $2", listId, ada.id);
    await add(ada, "Eggs");
    await queue.settle(20);
    expect(await settled(), "two minutes are enough").toBe(1);
    expect(await rows("SELECT 1 FROM push.addition WHERE list_id = $1", listId)).toEqual([]);
  });

  it("makes one message of what two people added to one list, and two of two lists", async () => {
    const cleo = await somebody(server, "Cleo");
    const other = await share("Sunday", ada, ben, cleo);
    await add(ada, "Milk", other);
    await add(cleo, "Bread", other);
    await add(ada, "Eggs");
    await sender.turn();
    expect(bodies(phone).sort()).toEqual(["Ada added 1 item: Eggs", "Ada and Cleo added 2 items: Milk, Bread"]);
  });

  it("waits in no table when nobody is to be told", async () => {
    const alone = await share("Alone", ada);
    await add(ada, "Milk", alone);
    expect(await rows("SELECT 1 FROM push.addition WHERE list_id = $1", alone)).toEqual([]);
  });

  it("is not told after its list is gone, or to whoever was removed from it meanwhile", async () => {
    await add(ada, "Milk");
    await new Queue(server.database).settle(0);
    await done(ada, "member.remove", { listId, userId: ben.id });
    await sender.turn();
    expect(service.for(phone)).toEqual([]);
    expect(await deliveries()).toMatchObject([{ state: "failed" }]);
    await done(ada, "list.remove", { id: listId });
    expect(await deliveries()).toEqual([]);
  });
});

describe("a device", () => {
  it("is told nothing more once its session has ended, and is forgotten", async () => {
    await add(ada, "Milk");
    await new Queue(server.database).settle(0);
    await write(server, "/api/auth/logout", {}, { cookie: ben.cookie });
    await sender.turn();
    expect(service.for(phone)).toEqual([]);
    await tidy(server.database);
    expect(await rows("SELECT 1 FROM push.subscription WHERE endpoint = $1", phone.endpoint)).toEqual([]);
  });

  it.each([404, 410])("is forgotten when its push service answers %d", async (status) => {
    service.answer(phone, status);
    await add(ada, "Milk");
    await sender.turn();
    await add(ada, "Bread");
    await sender.turn();
    expect(service.for(phone)).toHaveLength(1);
    expect(await rows("SELECT 1 FROM push.subscription WHERE endpoint = $1", phone.endpoint)).toEqual([]);
  });

  it("is asked nothing when its push service is no longer among those known", async () => {
    const stricter = new Sender({ ...config, services: [] }, parts());
    await add(ada, "Milk");
    await stricter.turn();
    expect(service.for(phone)).toEqual([]);
    expect(await deliveries()).toMatchObject([{ state: "failed" }]);
  });
});

describe("a push that is not taken", () => {
  it.each([500, 503, 429])("with status %d is sent again later, and then no more", async (status) => {
    service.answer(phone, status);
    await add(ada, "Milk");
    await sender.turn();
    await sender.turn();
    const [first] = await deliveries();
    expect(first).toMatchObject({ state: "queued", attempts: 1 });
    expect(first?.["wait"]).toBeGreaterThan(0);
    expect(first?.["wait"]).toBeLessThan(40);
    expect(service.for(phone), "not before its time").toHaveLength(1);
    service.answer(phone, 201);
    await pass("40 seconds");
    await sender.turn();
    await pass("1 hour");
    await sender.turn();
    expect(service.for(phone)).toHaveLength(2);
    expect(new Set(service.messages(phone).map(({ event }) => event)).size, "the same event both times").toBe(1);
    expect(await deliveries()).toMatchObject([{ state: "sent", attempts: 2 }]);
  });

  it("because nobody listens is sent again later", async () => {
    const closed = await PushService.start();
    const gone = new Browser(closed);
    const both = new Sender({ ...config, services: [service, closed].map(({ origin }) => ({ origin })) }, parts());
    closed.stop();
    await devices.add(await visitor(ben), { endpoint: gone.endpoint, ...gone.keys, label: "" });
    await add(ada, "Milk");
    await both.turn();
    const states = await rows(
      "SELECT endpoint, state FROM push.delivery JOIN push.subscription ON subscription.id = subscription_id ORDER BY state",
    );
    expect(states).toEqual([
      { endpoint: gone.endpoint, state: "queued" },
      { endpoint: phone.endpoint, state: "sent" },
    ]);
  });

  it("is given up after five attempts", async () => {
    service.answer(phone, 503);
    await add(ada, "Milk");
    for (let turn = 1; turn <= 7; turn += 1) {
      await sender.turn();
      await rows("UPDATE push.delivery SET due_at = now()");
    }
    expect(service.for(phone)).toHaveLength(5);
    expect(await deliveries()).toMatchObject([{ state: "failed", attempts: 5 }]);
  });

  it("waits as long as its push service asks, unless that is too long", async () => {
    service.answer(phone, { status: 429, headers: { "retry-after": "600" } });
    await add(ada, "Milk");
    await sender.turn();
    const [waiting] = await deliveries();
    expect(waiting?.["state"]).toBe("queued");
    expect(waiting?.["wait"]).toBeGreaterThan(500);
    service.answer(phone, { status: 503, headers: { "retry-after": new Date(Date.now() + 7_200_000).toUTCString() } });
    await pass("600 seconds");
    await sender.turn();
    expect(await deliveries()).toMatchObject([{ state: "failed", attempts: 2 }]);
  });

  it("is pointless once it is an hour late", async () => {
    await add(ada, "Milk");
    await new Queue(server.database).settle(0);
    await pass("61 minutes");
    await sender.turn();
    expect(service.for(phone)).toEqual([]);
    expect(await deliveries()).toMatchObject([{ state: "failed" }]);
  });

  it.each([400, 401, 403, 413, 302])("with status %d is not repeated, and the device stays", async (status) => {
    service.answer(phone, status);
    await add(ada, "Milk");
    await sender.turn();
    await pass("10 minutes");
    await sender.turn();
    expect(service.for(phone)).toHaveLength(1);
    expect(await deliveries()).toMatchObject([{ state: "failed" }]);
  });
});

describe("no event reaches a device twice", () => {
  it("when the connection breaks after it was sent, and nobody knows whether it arrived", async () => {
    service.answer(phone, "reset");
    await add(ada, "Milk");
    await sender.turn();
    service.answer(phone, 201);
    await pass("10 minutes");
    await sender.turn();
    expect(service.for(phone)).toHaveLength(1);
    expect(await deliveries()).toMatchObject([{ state: "failed" }]);
  });

  it("when a sender dies between claiming and sending", async () => {
    const queue = new Queue(server.database);
    await add(ada, "Milk");
    await queue.settle(0);
    expect((await queue.claim(20)).claims).toHaveLength(1);
    await pass("10 minutes");
    await sender.turn();
    expect(service.for(phone), "better silence than twice").toEqual([]);
    await add(ada, "Bread");
    await sender.turn();
    expect(bodies(phone), "and what comes later is told").toEqual(["Ada added 1 item: Bread"]);
  });

  it("when several senders look at the same moment", async () => {
    const other = await startServer();
    try {
      const browsers = [phone];
      const lists = [listId];
      for (let n = 1; n < 12; n += 1) {
        const person = await somebody(server, `Person ${n}`);
        lists.push(await share(`List ${n}`, ada, ben, person));
        // An account has ten devices at most.
        for (let device = 0; device < 3; device += 1) browsers.push(await subscribe(person));
      }
      for (const list of lists) for (const name of ["Milk", "Bread"]) await add(ada, name, list);
      const senders = [sender, ...[other, other].map(({ database }) => new Sender(config, { ...parts(), database }))];
      for (let turn = 0; turn < 4; turn += 1) await Promise.all(senders.map((one) => one.turn()));
      for (const [n, browser] of browsers.entries()) {
        const events = service.messages(browser).map(({ event }) => event);
        expect(new Set(events).size, `device ${n}`).toBe(events.length);
        expect(events.length, `device ${n}`).toBe(browser === phone ? lists.length : 1);
      }
    } finally {
      await other.app.close();
    }
  });

  it("when its browser subscribes again, or somebody else does with it", async () => {
    await add(ada, "Milk");
    await sender.turn();
    await devices.add(await visitor(ben), { endpoint: phone.endpoint, ...phone.keys, label: "Again" });
    await sender.turn();
    expect(service.for(phone)).toHaveLength(1);
    await add(ada, "Bread");
    await new Queue(server.database).settle(0);
    await devices.add(await visitor(ada), { endpoint: phone.endpoint, ...phone.keys, label: "Hers now" });
    await sender.turn();
    expect(service.for(phone), "what waited for Ben is not for Ada").toHaveLength(1);
  });
});

describe("quiet hours", () => {
  const at = (hours: number) => new Date(Date.now() + hours * 3_600_000).toISOString().slice(11, 16);
  const now = () => ({ from: at(-2), until: at(2), timeZone: "UTC" });

  it("hold everything until they end, and then it is one message a list", async () => {
    await devices.setQuiet(await visitor(ben), now());
    await add(ada, "Milk");
    await sender.turn();
    await add(ada, "Bread");
    await sender.turn();
    await sender.turn();
    expect(service.for(phone)).toEqual([]);
    const held = await deliveries();
    expect(held).toMatchObject([{ state: "queued", attempts: 0 }, { state: "queued", attempts: 0 }]);
    for (const { wait } of held) expect(Math.abs(Number(wait) - 7_200)).toBeLessThan(120);
    // The hours are over; nobody has changed anything.
    await pass("121 minutes");
    await rows("UPDATE push.quiet SET from_time = $1, until_time = $2", at(-5), at(-1));
    await sender.turn();
    expect(bodies(phone)).toEqual(["Ada added 2 items: Milk, Bread"]);
    expect(await deliveries()).toMatchObject([{ state: "sent" }, { state: "sent" }]);
  });

  it("hold for the account that wants them only", async () => {
    const cleo = await somebody(server, "Cleo");
    const shared = await share("Shared", ada, ben, cleo);
    const hers = await subscribe(cleo);
    await devices.setQuiet(await visitor(ben), now());
    await add(ada, "Milk", shared);
    await sender.turn();
    expect(service.for(hers)).toHaveLength(1);
    expect(service.for(phone)).toEqual([]);
  });

  it("let go of what they hold when they are taken back", async () => {
    await devices.setQuiet(await visitor(ben), now());
    await add(ada, "Milk");
    await sender.turn();
    await devices.setQuiet(await visitor(ben), null);
    await sender.turn();
    expect(service.for(phone)).toHaveLength(1);
  });

  it("do not hurry what waits because it was not taken", async () => {
    service.answer(phone, 503);
    await add(ada, "Milk");
    await sender.turn();
    await devices.setQuiet(await visitor(ben), null);
    await sender.turn();
    expect(service.for(phone)).toHaveLength(1);
  });

  it.each([
    ["before they begin", "22:00", "07:00", "UTC", "2026-03-10T21:59:59Z", undefined],
    ["as they begin", "22:00", "07:00", "UTC", "2026-03-10T22:00:00Z", "2026-03-11T07:00:00Z"],
    ["after midnight", "22:00", "07:00", "UTC", "2026-03-11T06:59:30Z", "2026-03-11T07:00:00Z"],
    ["as they end", "22:00", "07:00", "UTC", "2026-03-11T07:00:00Z", undefined],
    ["within a day", "13:00", "15:30", "UTC", "2026-03-11T14:00:00Z", "2026-03-11T15:30:00Z"],
    ["within a day, later", "13:00", "15:30", "UTC", "2026-03-11T16:00:00Z", undefined],
    ["far in the east", "22:00", "07:00", "Asia/Calcutta", "2026-03-10T16:30:00Z", "2026-03-11T01:30:00Z"],
    ["in the west", "22:00", "07:00", "America/New_York", "2026-01-10T05:00:00Z", "2026-01-10T12:00:00Z"],
    ["in the night that loses an hour", "22:00", "07:00", "Europe/Berlin", "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"],
    ["in the night that has one twice", "22:00", "07:00", "Europe/Berlin", "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"],
  ])("end rightly %s", (_when, from, until, timeZone, moment, end) => {
    const found = silentUntil(Date.parse(moment), { from, until, timeZone });
    expect(found === undefined ? undefined : new Date(found).toISOString().replace(".000", "")).toBe(end);
  });
});

describe("the words of a message", () => {
  const list = { id: "id", name: "Saturday" };
  it.each([
    [[["Ada", 1, ["Milk"]]], "Ada added 1 item: Milk"],
    [[["Ada", 3, ["Milk", "Bread", "Eggs"]]], "Ada added 3 items: Milk, Bread, Eggs"],
    [[["Ada", 9, ["Milk", "Bread", "Eggs"]]], "Ada added 9 items: Milk, Bread, Eggs and more"],
    [[["Ada", 2, ["Milk", "Bread"]], ["Ada", 2, ["Eggs", "Salt"]]], "Ada added 4 items: Milk, Bread, Eggs and more"],
    [[["Ada", 1, ["Milk"]], ["Ben", 1, ["Bread"]]], "Ada and Ben added 2 items: Milk, Bread"],
    [[["Ada", 1, ["A"]], ["Ben", 1, ["B"]], ["Cleo", 1, ["C"]]], "Ada and 2 others added 3 items: A, B, C"],
  ] as const)("for %j", (additions, body) => {
    const told = additions.map(([actor, items, names]) => ({ actor, items, names }));
    expect(message("event", list, told).body).toBe(body);
  });

  it("fit into what a push service takes, however long the names are", () => {
    const name = "🥕".repeat(100);
    const told = { actor: name, items: 500, names: [name, name, name] };
    const text = JSON.stringify(message(randomUUID(), { id: randomUUID(), name }, [told, { ...told, actor: "B" }]));
    // 4096 bytes less the header and the tag of the encryption.
    expect(Buffer.byteLength(text)).toBeLessThan(4096 - 103);
    expect(text).not.toContain("\ufffd");
  });
});

describe("a retry", () => {
  it("waits four times as long each time, up to a quarter of an hour, and not always equally long", () => {
    expect([1, 2, 3, 4, 5].map((attempts) => retryDelay(attempts, undefined, 0.5))).toEqual([30, 120, 480, 900, 900]);
    expect([0, 1].map((random) => retryDelay(1, undefined, random))).toEqual([22.5, 37.5]);
    expect(retryDelay(1, 300, 0.5)).toBe(300);
    expect(retryDelay(4, 1, 0.5)).toBe(900);
  });
});

describe("the end of a request", () => {
  it.each([
    [200, "sent"],
    [201, "sent"],
    [204, "sent"],
    [301, "rejected"],
    [400, "rejected"],
    [404, "gone"],
    [408, "refused"],
    [410, "gone"],
    [413, "rejected"],
    [429, "refused"],
    [502, "refused"],
  ])("by status %d is %s", (status, result) => {
    expect(judge(status, undefined).result).toBe(result);
  });

  const to = (url: string) => ({ url, headers: {}, body: Buffer.from("x") });

  it("is certain only while nothing has been sent", async () => {
    const hanging = new Browser(service);
    service.answer(hanging, "hang");
    expect(await post(to(hanging.endpoint), 200)).toMatchObject({ result: "unknown" });
    expect(await post(to("http://127.0.0.1:1/"), 5_000)).toMatchObject({ result: "refused", why: "ECONNREFUSED" });
    expect(await post(to("https://nowhere.invalid/"), 5_000)).toMatchObject({ result: "refused" });
    // Speaks no TLS, so the request itself was never written.
    expect(await post(to(service.origin.replace("http:", "https:")), 5_000)).toMatchObject({ result: "refused" });
  });

  it("follows no redirect", async () => {
    const [moved, target] = [new Browser(service), new Browser(service)];
    service.answer(moved, { status: 307, headers: { location: target.endpoint } });
    expect(await post(to(moved.endpoint), 5_000)).toMatchObject({ result: "rejected" });
    expect(service.for(target)).toEqual([]);
  });
});

describe("an endpoint", () => {
  const services = [
    { origin: "https://fcm.googleapis.com" },
    { origin: "http://127.0.0.1:8080" },
    { suffix: ".push.apple.com" },
  ];
  it.each([
    "https://fcm.googleapis.com/fcm/send/abc",
    "https://web.push.apple.com/QABC",
    "http://127.0.0.1:8080/x",
  ])("at a known service is taken: %s", (endpoint) => {
    expect(knownEndpoint(endpoint, services)).toBe(endpoint);
  });
  it.each([
    "http://fcm.googleapis.com/x",
    "https://fcm.googleapis.com:8443/x",
    "https://fcm.googleapis.com.evil.test/x",
    "https://fcm.googleapis.com@evil.test/x",
    "https://user:word@fcm.googleapis.com/x",
    "https://evil.test/fcm.googleapis.com",
    "https://evilpush.apple.com/x",
    "https://push.apple.com/x",
    "https://web.push.apple.com:22/x",
    "http://web.push.apple.com/x",
    "https://web.push.apple.com.evil.test/x",
    "https://127.0.0.1/x",
    "http://127.0.0.1:5432/x",
    "http://127.0.0.1:8080@evil.test/x",
    "http://[::1]:8080/x",
    "http://169.254.169.254/latest/meta-data",
    "http://postgres:5432/",
    "https://localhost/x",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "//fcm.googleapis.com/x",
    "not an address",
    "",
  ])("anywhere else is not: %s", (endpoint) => {
    expect(knownEndpoint(endpoint, services)).toBeUndefined();
  });
});

describe("housekeeping", () => {
  it("forgets events after a week and removed items after thirty days", async () => {
    await add(ada, "Milk");
    const [old, fresh] = [await add(ada, "Bread"), await add(ada, "Eggs")];
    await sender.turn();
    for (const id of [old, fresh]) await done(ada, "item.remove", { id });
    await rows("UPDATE trash.item SET removed_at = removed_at - interval '31 days' WHERE id = $1", old);
    await tidy(server.database);
    expect(await rows("SELECT id FROM trash.item WHERE list_id = $1", listId)).toEqual([{ id: fresh }]);
    expect(await deliveries()).toHaveLength(1);
    await rows("UPDATE push.event SET created_at = created_at - interval '8 days'");
    await tidy(server.database);
    expect(await deliveries()).toEqual([]);
  });
});

describe("what Prometheus reads", () => {
  it("tells how much waits and for how long", async () => {
    service.answer(phone, 503);
    await add(ada, "Milk");
    await server.database.ping();
    await sender.turn();
    await pass("100 seconds");
    const text = await metrics.registry.metrics();
    expect(text).toContain("push_queue_depth 1");
    expect(Number(/push_oldest_seconds ([\d.]+)/.exec(text)?.[1])).toBeGreaterThan(50);
    expect(metricOf(text, "retried")).toBeGreaterThan(0);
  });
});

function metricOf(text: string, result: string): number {
  return Number(new RegExp(`pushes_total\\{result="${result}"\\} (\\d+)`).exec(text)?.[1] ?? 0);
}
