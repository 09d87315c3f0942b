import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../src/server.ts";
import {
  cookieHeader,
  freshEmail,
  ORIGIN,
  PASSWORD,
  routesOf,
  send,
  somebody,
  startServer,
  write,
  type Method,
  type Person,
} from "./helpers.ts";
import { zeroClient } from "./zero-client.ts";

const NEXT = "an entirely different one";

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.app.close());

const { done, result } = zeroClient(() => server);

const as = (person: Person | undefined, method: Method, path: string, body: object = {}, on = server) =>
  send(on, method, path, body, person ? { cookie: person.cookie } : {});
const login = (email: string, password: string, headers: Record<string, string> = {}) =>
  write(server, "/api/auth/login", { email, password }, headers);
/** Another login of the same person. */
const again = async (person: Person, agent?: string): Promise<Person> => {
  const response = await login(person.email, PASSWORD, agent === undefined ? {} : { "user-agent": agent });
  return { ...person, cookie: cookieHeader(response) };
};
const isIn = async (person: Person) => (await as(person, "GET", "/api/account")).statusCode === 200;

type Session = { id: string; current: boolean; client: string; createdAt: number; lastUsedAt: number };
const sessionsOf = async (person: Person) =>
  (await as(person, "GET", "/api/account/sessions")).json<{ sessions: Session[] }>().sessions;

const ROUTES: readonly (readonly [Method, string, object])[] = [
  ["GET", "/api/account", {}],
  ["PUT", "/api/account", { name: "Mallory" }],
  ["POST", "/api/account/password", { current: PASSWORD, next: NEXT }],
  ["POST", "/api/account/verification", {}],
  ["GET", "/api/account/sessions", {}],
  ["DELETE", "/api/account/sessions", {}],
  ["DELETE", "/api/account/sessions/:id", {}],
  ["GET", "/api/account/export", {}],
  ["POST", "/api/account/delete", { password: PASSWORD }],
];
const concrete = (path: string) => path.replace(":id", randomUUID());

describe("every account route", () => {
  it("is among those tried here", () => {
    const known = routesOf(server).filter((route) => route.includes(" /api/account"));
    expect(known.sort()).toEqual(ROUTES.map(([method, path]) => `${method} ${path}`).sort());
  });

  it("refuses whoever is not logged in, and whoever no longer is", async () => {
    const leaver = await somebody(server);
    await write(server, "/api/auth/logout", {}, { cookie: leaver.cookie });
    for (const [method, path, body] of ROUTES)
      for (const person of [undefined, leaver]) {
        const response = await as(person, method, concrete(path), body);
        expect(response.statusCode, `${method} ${path}`).toBe(401);
        expect(response.json()).toMatchObject({ error: { code: "not_logged_in" } });
      }
  });

  it("takes writes from the application's own page only, and only as JSON", async () => {
    const person = await somebody(server);
    for (const [method, path, body] of ROUTES.filter(([name]) => name !== "GET")) {
      const url = concrete(path);
      const from = (headers: Record<string, string>) =>
        server.app.inject({ method, url, headers: { cookie: person.cookie, ...headers }, payload: JSON.stringify(body) });
      const json = { "content-type": "application/json" };
      expect((await from({ ...json, origin: "https://evil.test" })).statusCode, `${method} ${path}`).toBe(403);
      expect((await from(json)).statusCode, `${method} ${path} without an origin`).toBe(403);
      expect((await from({ origin: ORIGIN, "content-type": "text/plain" })).statusCode, `${method} ${path}`).toBe(415);
    }
    expect(await isIn(person), "nothing of that was done").toBe(true);
    expect((await login(person.email, PASSWORD)).statusCode).toBe(200);
  });

  it("is limited for an account as a whole, wherever its owner asks from", async () => {
    const limited = await startServer({ RATE_LIMIT_MAX_REQUESTS: "3" });
    try {
      const person = await somebody(server);
      const ask = (address: string) =>
        send(limited, "GET", "/api/account", {}, { cookie: person.cookie, "x-forwarded-for": address });
      for (const n of [1, 2, 3]) expect((await ask(`192.0.2.${n}`)).statusCode).toBe(200);
      expect((await ask("192.0.2.4")).statusCode).toBe(429);
      const other = await somebody(server);
      const response = await send(limited, "GET", "/api/account", {}, { cookie: other.cookie, "x-forwarded-for": "192.0.2.5" });
      expect(response.statusCode, "somebody else").toBe(200);
    } finally {
      await limited.app.close();
    }
  });

  it("refuses bodies with more than it asks for, and larger ones than anyone needs", async () => {
    const person = await somebody(server);
    expect((await as(person, "PUT", "/api/account", { name: "N", email: "x@example.org" })).statusCode).toBe(400);
    expect((await as(person, "PUT", "/api/account", { name: "N".repeat(81) })).statusCode).toBe(400);
    expect((await as(person, "PUT", "/api/account", { name: "a\0b" })).statusCode).toBe(400);
    expect((await as(person, "PUT", "/api/account", { name: "N".repeat(100_000) })).statusCode).toBe(413);
    const polluted = await server.app.inject({
      method: "PUT",
      url: "/api/account",
      headers: { cookie: person.cookie, origin: ORIGIN, "content-type": "application/json" },
      payload: '{"name": "N", "__proto__": {"admin": true}}',
    });
    expect(polluted.statusCode).toBe(400);
  });
});

describe("a profile", () => {
  it("is told to its owner, and its new name holds at once, for logins there are", async () => {
    const person = await somebody(server, "Old");
    const expected = { id: person.id, email: person.email, name: "Old", emailVerified: false };
    expect((await as(person, "GET", "/api/account")).json()).toEqual(expected);
    expect((await as(person, "PUT", "/api/account", { name: "  New " })).json()).toEqual({ ...expected, name: "New" });
    const session = await as(person, "GET", "/api/auth/session");
    expect(session.json()).toMatchObject({ user: { name: "New" } });
  });
});

describe("changing the password", () => {
  it("needs the old one, ends every other login and keeps this one", async () => {
    const here = await somebody(server);
    const elsewhere = await again(here);
    const wrong = await as(here, "POST", "/api/account/password", { current: "not this one", next: NEXT });
    expect([wrong.statusCode, wrong.json()]).toMatchObject([403, { error: { code: "wrong_password" } }]);
    expect(await isIn(elsewhere), "nothing has happened yet").toBe(true);

    expect((await as(here, "POST", "/api/account/password", { current: PASSWORD, next: NEXT })).statusCode).toBe(204);
    expect(await isIn(here)).toBe(true);
    expect(await isIn(elsewhere)).toBe(false);
    expect((await write(server, "/api/auth/refresh", {}, { cookie: elsewhere.cookie })).statusCode).toBe(401);
    expect((await write(server, "/api/auth/refresh", {}, { cookie: here.cookie })).statusCode).toBe(200);
    expect((await login(here.email, PASSWORD)).statusCode).toBe(401);
    expect((await login(here.email, NEXT)).statusCode).toBe(200);
  });

  it("refuses a new one that could be no password, without saying whether the old one was right", async () => {
    const person = await somebody(server);
    const answers = [];
    for (const current of [PASSWORD, "not this one"]) {
      const response = await as(person, "POST", "/api/account/password", { current, next: "short" });
      answers.push([response.statusCode, response.body]);
    }
    expect(answers[0]?.[0]).toBe(400);
    expect(answers[1]).toEqual(answers[0]);
  });

  it("lets a stolen session guess no more often than the login does, together with it", async () => {
    const strict = await startServer({ LOGIN_ATTEMPTS_PER_ACCOUNT: "3" });
    try {
      const person = await somebody(server);
      const guess = async (path: string, body: object) => (await as(person, "POST", path, body, strict)).statusCode;
      expect(await guess("/api/account/password", { current: "one", next: NEXT })).toBe(403);
      expect(await guess("/api/account/delete", { password: "two" })).toBe(403);
      expect(await guess("/api/auth/login", { email: person.email, password: "three" })).toBe(401);
      expect(await guess("/api/account/password", { current: PASSWORD, next: NEXT })).toBe(429);
      expect(await guess("/api/account/delete", { password: PASSWORD })).toBe(429);
      expect(await isIn(person)).toBe(true);
    } finally {
      await strict.app.close();
    }
  });

  it("is no way to another account: the password that counts is that of the session's account", async () => {
    const victim = await somebody(server);
    await as(victim, "POST", "/api/account/password", { current: PASSWORD, next: NEXT });
    const stranger = await somebody(server);
    expect((await as(stranger, "POST", "/api/account/password", { current: NEXT, next: "yet another one" })).statusCode).toBe(403);
    expect((await login(victim.email, NEXT)).statusCode).toBe(200);
  });
});

describe("the logins of an account", () => {
  it("are listed with what a person recognises them by, this one marked, others' not among them", async () => {
    const first = await somebody(server);
    const second = await again(first, "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0");
    await somebody(server);
    const sessions = await sessionsOf(second);
    expect(sessions).toHaveLength(2);
    const current = sessions.find((session) => session.current);
    expect(current).toMatchObject({ client: "Firefox on Linux" });
    expect(sessions.filter((session) => session.current)).toHaveLength(1);
    for (const session of sessions) {
      expect(Object.keys(session).sort()).toEqual(["client", "createdAt", "current", "id", "lastUsedAt"]);
      expect(Math.abs(Date.now() - session.lastUsedAt), "milliseconds").toBeLessThan(60_000);
    }
  });

  it("tell when they were used last, to the minute", async () => {
    const person = await somebody(server);
    await server.database.rows("UPDATE auth.session SET last_used_at = now() - interval '3 days' WHERE account_id = $1", [person.id]);
    await as(person, "GET", "/api/account");
    const [session] = await sessionsOf(person);
    expect(Date.now() - (session?.lastUsedAt ?? 0)).toBeLessThan(60_000);
  });

  it("are ended one by one, which a stranger cannot do and does not learn about", async () => {
    const here = await somebody(server);
    const there = await again(here);
    const stranger = await somebody(server);
    const other = (await sessionsOf(here)).find((session) => !session.current)?.id ?? "";
    const attempts = [];
    for (const id of [other, randomUUID(), "not-an-id", "' OR true --"]) {
      const response = await as(stranger, "DELETE", `/api/account/sessions/${encodeURIComponent(id)}`);
      attempts.push([response.statusCode, response.body]);
    }
    expect(attempts[0]?.[0]).toBe(404);
    for (const attempt of attempts) expect(attempt).toEqual(attempts[0]);
    expect(await isIn(there)).toBe(true);

    expect((await as(here, "DELETE", `/api/account/sessions/${other}`)).statusCode).toBe(204);
    expect(await isIn(there)).toBe(false);
    expect(await isIn(here)).toBe(true);
    expect((await as(here, "DELETE", `/api/account/sessions/${other}`)).statusCode, "once").toBe(404);
  });

  it("clear their own cookies when they end themselves, also without a body", async () => {
    const person = await somebody(server);
    const [own] = await sessionsOf(person);
    const response = await server.app.inject({
      method: "DELETE",
      url: `/api/account/sessions/${own?.id}`,
      headers: { cookie: person.cookie, origin: ORIGIN, "content-type": "application/json" },
    });
    expect(response.statusCode).toBe(204);
    expect(response.cookies.map((cookie) => cookie.value)).toEqual(["", ""]);
    expect(await isIn(person)).toBe(false);
  });

  it("end all together, this one too, and nobody else's", async () => {
    const here = await somebody(server);
    const there = await again(here);
    const stranger = await somebody(server);
    const response = await as(here, "DELETE", "/api/account/sessions");
    expect(response.statusCode).toBe(204);
    expect(response.cookies.map((cookie) => cookie.value)).toEqual(["", ""]);
    expect([await isIn(here), await isIn(there), await isIn(stranger)]).toEqual([false, false, true]);
  });
});

/** A list of `owner` with these members, joined in that order, and what is on it. */
async function makeList(owner: Person, members: readonly Person[], name = "Saturday"): Promise<string> {
  const listId = randomUUID();
  await done(owner, "list.create", { id: listId, name, at: 0 });
  await done(owner, "item.add", { id: randomUUID(), listId, name: "Milk", quantity: "2", unit: "l", at: 0 });
  for (const member of members) {
    await done(owner, "invitation.create", { listId, email: member.email, at: 0 });
    await done(member, "invitation.accept", { listId, at: 0 });
    await done(member, "item.add", { id: randomUUID(), listId, name: `Bread of ${member.email}`, quantity: "", at: 0 });
  }
  return listId;
}

describe("deleting an account", () => {
  const rows = (sql: string, ...values: unknown[]) => server.database.rows<Record<string, unknown>>(sql, values);
  const remove = (person: Person, password = PASSWORD) => as(person, "POST", "/api/account/delete", { password });

  it("needs the password, and then leaves nothing that is only this person's", async () => {
    const person = await somebody(server, "Leaving");
    const alone = await makeList(person, []);
    const friend = await somebody(server);
    const friends = await makeList(friend, [person]);
    await done(friend, "invitation.create", { listId: await makeList(friend, []), email: person.email, at: 0 });

    expect((await remove(person, "not this one")).statusCode).toBe(403);
    expect(await isIn(person)).toBe(true);
    const response = await remove(person);
    expect(response.statusCode).toBe(204);
    expect(response.cookies.map((cookie) => cookie.value)).toEqual(["", ""]);

    expect(await isIn(person)).toBe(false);
    expect((await login(person.email, PASSWORD)).statusCode).toBe(401);
    expect(await rows("SELECT 1 FROM public.list WHERE id = $1", alone)).toEqual([]);
    expect(await rows("SELECT 1 FROM public.invitation WHERE email = $1", person.email)).toEqual([]);
    for (const table of ["auth.session", "auth.mail_token", "push.subscription"])
      expect(await rows(`SELECT 1 FROM ${table} WHERE account_id = $1`, person.id), table).toEqual([]);
    const items = await rows("SELECT name, created_by FROM public.item WHERE list_id = $1 ORDER BY created_at", friends);
    expect(items, "what was added for others stays, without a name").toEqual([
      { name: "Milk", created_by: friend.id },
      { name: `Bread of ${person.email}`, created_by: null },
    ]);
    expect(await rows("SELECT user_id FROM public.list_member WHERE list_id = $1", friends)).toEqual([{ user_id: friend.id }]);
  });

  it("passes a shared list to whoever has been in it longest, with its invitations, and to nobody else", async () => {
    const owner = await somebody(server, "Owner");
    const [second, third] = [await somebody(server, "Second"), await somebody(server, "Third")];
    const listId = await makeList(owner, [second, third]);
    await rows("UPDATE public.list_member SET joined_at = now() - interval '1 day' WHERE list_id = $1 AND user_id = $2", listId, third.id);
    await done(owner, "invitation.create", { listId, email: freshEmail(), at: 0 });

    expect((await remove(owner)).statusCode).toBe(204);
    expect(await rows("SELECT owner_id FROM public.list WHERE id = $1", listId)).toEqual([{ owner_id: third.id }]);
    expect(await rows("SELECT user_id, role FROM public.list_member WHERE list_id = $1 ORDER BY role", listId)).toEqual([
      { user_id: second.id, role: "editor" },
      { user_id: third.id, role: "owner" },
    ]);
    expect(await rows("SELECT invited_by FROM public.invitation WHERE list_id = $1", listId)).toEqual([{ invited_by: third.id }]);
    expect(await result(second, "list.rename", { id: listId, name: "Mine" })).toHaveProperty("error");
    await done(third, "list.rename", { id: listId, name: "Ours" });
  });

  it("of two members of each other's lists at the same moment loses no list of the one who stays", async () => {
    const [one, two, stays] = [await somebody(server), await somebody(server), await somebody(server)];
    const lists = [await makeList(one, [two, stays]), await makeList(two, [one, stays])];
    const answers = await Promise.all([remove(one), remove(two)]);
    // PostgreSQL ends one of two that wait for each other; that one is told to try again.
    for (const [index, person] of [one, two].entries())
      if (answers[index]?.statusCode !== 204) expect((await remove(person)).statusCode).toBe(204);
    for (const listId of lists)
      expect(await rows("SELECT owner_id FROM public.list WHERE id = $1", listId)).toEqual([{ owner_id: stays.id }]);
  });

  it("frees the address for a new account, which has nothing of the old one", async () => {
    const person = await somebody(server, "Before");
    await makeList(person, []);
    await remove(person);
    const anew = await somebody(server, "After", person.email);
    expect(anew.id).not.toBe(person.id);
    expect((await as(anew, "GET", "/api/account/export")).json()).toMatchObject({ ownLists: [], memberships: [] });
  });
});

describe("the export", () => {
  type Exported = Record<string, unknown> & { ownLists: { name: string; items: { name: string; addedBy: string }[] }[] };

  it("has all that is kept about its owner, as a file", async () => {
    const person = await somebody(server, "Exporter");
    const friend = await somebody(server, "Friend");
    await makeList(person, [friend], "Own");
    await makeList(friend, [person], "Theirs");
    const response = await as(person, "GET", "/api/account/export");
    expect(response.headers["content-disposition"]).toMatch(/^attachment; filename="[\w-]+\.json"$/);
    expect(response.headers["content-type"]).toMatch(/^application\/json/);
    expect(response.headers["cache-control"]).toBe("no-store");
    const exported = response.json<Exported>();
    expect(exported).toMatchObject({
      account: { id: person.id, email: person.email, name: "Exporter", verifiedAt: null },
      memberships: [
        { name: "Own", role: "owner" },
        { name: "Theirs", role: "editor" },
      ],
      ownLists: [
        {
          name: "Own",
          members: [
            { name: "Exporter", role: "owner" },
            { name: "Friend", role: "editor" },
          ],
          items: [
            { name: "Milk", quantity: "2", unit: "l", addedBy: "Exporter" },
            { name: `Bread of ${friend.email}`, addedBy: "Friend" },
          ],
        },
      ],
      itemsAddedElsewhere: [{ list: "Theirs", name: `Bread of ${person.email}` }],
      devices: [],
      quietHours: null,
    });
    expect(exported["sessions"]).toHaveLength(1);
  });

  it("holds no secret, and nothing of others beyond what the application shows", async () => {
    const person = await somebody(server);
    const friend = await somebody(server, "Friend");
    await makeList(friend, [person], "Theirs");
    await server.database.rows(
      `INSERT INTO push.subscription (account_id, session_id, endpoint, p256dh, auth, label)
       SELECT account_id, id, $2, 'the-public-key', 'the-auth-secret', 'My phone' FROM auth.session WHERE account_id = $1`,
      [person.id, `https://push.test/${randomUUID()}`],
    );
    const response = await as(person, "GET", "/api/account/export");
    expect(response.json()).toMatchObject({ devices: [{ label: "My phone" }] });
    for (const unwanted of ["push.test", "the-auth-secret", "$2b$", friend.email, friend.id])
      expect(response.body, unwanted).not.toContain(unwanted);
    const access = /__Host-access=([^;]+)/.exec(person.cookie)?.[1] ?? "missing";
    expect(response.body).not.toContain(access);
  });

  it("is made a few times in a while and not more", async () => {
    const person = await somebody(server);
    const codes = [];
    for (let n = 0; n < 11; n += 1) codes.push((await as(person, "GET", "/api/account/export")).statusCode);
    expect(codes.slice(0, 10).every((code) => code === 200)).toBe(true);
    expect(codes[10]).toBe(429);
  });
});

describe("where no mail can be sent", () => {
  it("says so, and nothing waits for a verification", async () => {
    expect((await send(server, "GET", "/api/config")).json()).toMatchObject({ email: false });
    const person = await somebody(server);
    const answers = [
      await write(server, "/api/auth/forgot-password", { email: person.email }),
      await write(server, "/api/auth/reset-password", { token: "x", password: NEXT }),
      await write(server, "/api/auth/verify-email", { token: "x" }),
      await as(person, "POST", "/api/account/verification"),
    ];
    for (const answer of answers)
      expect([answer.statusCode, answer.json()]).toMatchObject([404, { error: { code: "email_disabled" } }]);
    const rows = await server.database.rows("SELECT 1 FROM mail.outbox WHERE email = $1", [person.email]);
    expect(rows, "no mail waits for a server that is not there").toEqual([]);
  });
});
