import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Server } from "../src/server.ts";
import { cookieHeader, cookieValue, freshEmail, ORIGIN, PASSWORD, somebody, startServer, write } from "./helpers.ts";

let server: Server;
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.app.close());

const login = (email: string, password: string, headers: Record<string, string> = {}) =>
  write(server, "/api/auth/login", { email, password }, headers);
const refresh = (cookie: string, on = server) => write(on, "/api/auth/refresh", {}, { cookie });
const sessionOf = async (cookie: string, on = server) =>
  (await on.app.inject({ url: "/api/auth/session", headers: { cookie } })).json<{ user: { email: string } | null }>();

describe("registering", () => {
  it("answers alike for a new address and for one that has an account, whose password stays", async () => {
    const email = freshEmail();
    const first = await write(server, "/api/auth/register", { email, password: PASSWORD, name: "First" });
    const again = await write(server, "/api/auth/register", { email, password: "another password", name: "Thief" });
    expect([again.statusCode, again.body]).toEqual([first.statusCode, first.body]);
    expect((await login(email, PASSWORD)).statusCode).toBe(200);
    expect((await login(email, "another password")).statusCode).toBe(401);
  });

  it("leaves no profile behind when the address is taken", async () => {
    const email = freshEmail();
    const count = async () =>
      Number((await server.database.rows<{ n: string }>("SELECT count(*) AS n FROM public.profile"))[0]?.n);
    await write(server, "/api/auth/register", { email, password: PASSWORD, name: "First" });
    const before = await count();
    await write(server, "/api/auth/register", { email, password: PASSWORD, name: "Second" });
    expect(await count()).toBe(before);
  });

  it.each([
    ["an address without @", { email: "nobody", password: PASSWORD, name: "N" }],
    ["a short password", { email: "a@example.org", password: "short", name: "N" }],
    ["a password longer than bcrypt reads", { email: "a@example.org", password: "ü".repeat(37), name: "N" }],
    ["an empty name", { email: "a@example.org", password: PASSWORD, name: "  " }],
    ["an unknown field", { email: "a@example.org", password: PASSWORD, name: "N", admin: true }],
  ])("refuses %s", async (_what, body) => {
    const response = await write(server, "/api/auth/register", body);
    expect(response.statusCode).toBe(400);
    expect(response.json()).toMatchObject({ error: { code: "invalid" } });
  });

  it("takes an address in any spelling as one", async () => {
    const email = freshEmail();
    await write(server, "/api/auth/register", { email: ` ${email.toUpperCase()} `, password: PASSWORD, name: "N" });
    expect((await login(email, PASSWORD)).statusCode).toBe(200);
  });
});

describe("logging in", () => {
  it("sets cookies that scripts, other sites and plain HTTP never see, the refresh token for its own path only", async () => {
    const email = freshEmail();
    await somebody(server, "N", email);
    const { cookies } = await login(email, PASSWORD);
    for (const cookie of cookies)
      expect(cookie).toMatchObject({ httpOnly: true, secure: true, sameSite: "Strict" });
    expect(cookies.map(({ name, path }) => [name, path])).toEqual([
      ["__Host-access", "/"],
      ["__Secure-refresh", "/api/auth"],
    ]);
  });

  it("answers alike for a wrong password, an unknown address and nonsense", async () => {
    const email = freshEmail();
    await somebody(server, "N", email);
    const answers = [
      await login(email, "wrong password"),
      await login(freshEmail(), PASSWORD),
      await login("not an address", "x"),
    ].map((response) => [response.statusCode, response.body, response.cookies.length]);
    expect(answers[0]?.[0]).toBe(401);
    expect(answers[1]).toEqual(answers[0]);
    expect(answers[2]).toEqual(answers[0]);
  });

  it("says who is logged in, and null to everybody else", async () => {
    const person = await somebody(server, "Named");
    expect(await sessionOf(person.cookie)).toMatchObject({ user: { email: person.email, name: "Named" } });
    expect(await sessionOf("")).toEqual({ user: null, refreshable: false });
    expect((await sessionOf("__Host-access=forged")).user).toBeNull();
  });
});

describe("refreshing", () => {
  it("gives new tokens, again and again", async () => {
    const person = await somebody(server);
    const first = await refresh(person.cookie);
    const second = await refresh(cookieHeader(first));
    expect(second.statusCode).toBe(200);
    expect(cookieValue(second, "__Secure-refresh")).not.toBe(cookieValue(first, "__Secure-refresh"));
    expect((await sessionOf(cookieHeader(second))).user?.email).toBe(person.email);
  });

  it("forgives two tabs that refresh at the same moment", async () => {
    const person = await somebody(server);
    const [one, other] = await Promise.all([refresh(person.cookie), refresh(person.cookie)]);
    expect([one.statusCode, other.statusCode]).toEqual([200, 200]);
    expect((await refresh(cookieHeader(one))).statusCode).toBe(200);
  });

  it("ends the whole session when a used token comes back", async () => {
    const person = await somebody(server);
    const stolen = person.cookie;
    const second = cookieHeader(await refresh(person.cookie));
    const third = cookieHeader(await refresh(second));
    expect((await refresh(stolen)).statusCode, "two generations old").toBe(401);
    expect((await refresh(third)).statusCode, "the newest token of the family").toBe(401);
    expect((await sessionOf(third)).user, "and its access token").toBeNull();
  });

  it("ends the session for the token just replaced too, once the leeway is over", async () => {
    const person = await somebody(server);
    const next = cookieHeader(await refresh(person.cookie));
    await server.database.rows("UPDATE auth.session SET rotated_at = now() - interval '11 seconds' WHERE account_id = $1", [
      person.id,
    ]);
    expect((await refresh(person.cookie)).statusCode).toBe(401);
    expect((await refresh(next)).statusCode).toBe(401);
  });

  it("clears the cookies of whoever has nothing to refresh", async () => {
    const response = await refresh("__Secure-refresh=forged");
    expect(response.statusCode).toBe(401);
    expect(response.cookies.map((cookie) => cookie.value)).toEqual(["", ""]);
  });

  it("does not take an access token for a refresh token", async () => {
    const person = await somebody(server);
    const access = /__Host-access=([^;]+)/.exec(person.cookie)?.[1];
    expect((await refresh(`__Secure-refresh=${access}`)).statusCode).toBe(401);
  });

  it("accepts tokens of the previous secrets after a rotation, and none of the ones before", async () => {
    const person = await somebody(server);
    const secrets = (current: string, previous: string) => ({
      JWT_ACCESS_SECRET: `access-${current.repeat(40)}`,
      JWT_ACCESS_SECRET_PREVIOUS: previous,
      JWT_REFRESH_SECRET: `refresh-${current.repeat(40)}`,
      JWT_REFRESH_SECRET_PREVIOUS: previous.replace("access", "refresh"),
    });
    const rotated = await startServer({
      ...secrets("1", "access-secret-0123456789-0123456789-01"),
      JWT_REFRESH_SECRET_PREVIOUS: "refresh-secret-0123456789-0123456789-0",
    });
    const twice = await startServer(secrets("2", `access-${"1".repeat(40)}`));
    try {
      expect((await sessionOf(person.cookie, rotated)).user?.email).toBe(person.email);
      expect((await refresh(person.cookie, twice)).statusCode, "two rotations ago").toBe(401);
      const renewed = cookieHeader(await refresh(person.cookie, rotated));
      expect((await sessionOf(renewed, twice)).user?.email, "renewed in between").toBe(person.email);
    } finally {
      await rotated.app.close();
      await twice.app.close();
    }
  });
});

describe("logging out", () => {
  it("ends the session at once, also for copies of its tokens", async () => {
    const person = await somebody(server);
    const response = await write(server, "/api/auth/logout", {}, { cookie: person.cookie });
    expect(response.statusCode).toBe(204);
    expect(response.cookies.map((cookie) => cookie.value)).toEqual(["", ""]);
    expect((await sessionOf(person.cookie)).user).toBeNull();
    expect((await refresh(person.cookie)).statusCode).toBe(401);
  });

  it("leaves other logins of the same person alone", async () => {
    const person = await somebody(server);
    const elsewhere = cookieHeader(await login(person.email, PASSWORD));
    await write(server, "/api/auth/logout", {}, { cookie: person.cookie });
    expect((await sessionOf(elsewhere)).user?.email).toBe(person.email);
  });
});

describe("writes from elsewhere", () => {
  it.each([
    ["another site", { origin: "https://evil.test", "content-type": "application/json" }, 403],
    ["a page without an origin", { origin: "null", "content-type": "application/json" }, 403],
    ["a request that names no origin", { "content-type": "application/json" }, 403],
    ["a plain form", { origin: ORIGIN, "content-type": "text/plain" }, 415],
    ["a form of another kind", { origin: ORIGIN, "content-type": "application/x-www-form-urlencoded" }, 415],
  ])("are refused from %s", async (_who, headers, status) => {
    for (const path of ["register", "login", "refresh", "logout"]) {
      const url = `/api/auth/${path}`;
      const response = await server.app.inject({ method: "POST", url, headers, payload: "{}" });
      expect(response.statusCode, path).toBe(status);
    }
  });
});

describe("guessing", () => {
  const from = (address: string) => ({ "x-forwarded-for": address });

  it("stops at the account's limit, whoever guesses, and the right password does not help", async () => {
    const strict = await startServer({ LOGIN_ATTEMPTS_PER_ACCOUNT: "3" });
    try {
      const email = freshEmail();
      await somebody(strict, "N", email);
      const attempt = (password: string, address: string) =>
        write(strict, "/api/auth/login", { email, password }, from(address));
      for (const address of ["192.0.2.11", "192.0.2.12", "192.0.2.13"])
        expect((await attempt("wrong password", address)).statusCode).toBe(401);
      const refused = await attempt(PASSWORD, "192.0.2.14");
      expect(refused.statusCode).toBe(429);
      expect(Number(refused.headers["retry-after"])).toBeGreaterThan(800);
    } finally {
      await strict.app.close();
    }
  });

  it("is counted alike for an address without an account", async () => {
    const strict = await startServer({ LOGIN_ATTEMPTS_PER_ACCOUNT: "2" });
    try {
      const email = freshEmail();
      const codes: number[] = [];
      for (const _ of [1, 2, 3])
        codes.push((await write(strict, "/api/auth/login", { email, password: PASSWORD }, from("192.0.2.20"))).statusCode);
      expect(codes).toEqual([401, 401, 429]);
    } finally {
      await strict.app.close();
    }
  });

  it("stops at the address's limit across accounts, is remembered by the database, and leaves other addresses alone", async () => {
    const limits = { LOGIN_ATTEMPTS_PER_ADDRESS: "3" };
    const one = await startServer(limits);
    const other = await startServer(limits);
    try {
      const guess = (on: Server, address: string) =>
        write(on, "/api/auth/login", { email: freshEmail(), password: "wrong" }, from(address));
      for (const _ of [1, 2, 3]) expect((await guess(one, "192.0.2.30")).statusCode).toBe(401);
      expect((await guess(other, "192.0.2.30")).statusCode, "on another replica").toBe(429);
      expect((await guess(other, "192.0.2.31")).statusCode).toBe(401);
    } finally {
      await one.app.close();
      await other.app.close();
    }
  });

  it("starts afresh when the window is over", async () => {
    const strict = await startServer({ LOGIN_ATTEMPTS_PER_ACCOUNT: "1" });
    try {
      const email = freshEmail();
      const attempt = () => write(strict, "/api/auth/login", { email, password: "wrong" }, from("192.0.2.40"));
      await attempt();
      expect((await attempt()).statusCode).toBe(429);
      await server.database.rows("UPDATE auth.throttle SET window_start = window_start - interval '1 hour'");
      expect((await attempt()).statusCode).toBe(401);
    } finally {
      await strict.app.close();
    }
  });
});

describe("the rate limit", () => {
  it("answers 429 beyond its number of requests an address, and says how long to wait", async () => {
    const limited = await startServer({ RATE_LIMIT_MAX_REQUESTS: "2", RATE_LIMIT_WINDOW_MS: "60000" });
    try {
      const ask = (address: string) =>
        limited.app.inject({ url: "/api/auth/session", headers: { "x-forwarded-for": address } });
      expect((await ask("192.0.2.1")).statusCode).toBe(200);
      expect((await ask("192.0.2.1")).statusCode).toBe(200);
      const third = await ask("192.0.2.1");
      expect(third.statusCode).toBe(429);
      expect(Number(third.headers["retry-after"])).toBeGreaterThan(0);
      expect((await ask("192.0.2.2")).statusCode, "another address").toBe(200);
      expect((await ask("192.0.2.3, 192.0.2.1")).statusCode, "a client naming an address of its own").toBe(429);
    } finally {
      await limited.app.close();
    }
  });

  it("believes forwarded addresses only as far as TRUST_PROXY says", async () => {
    const direct = await startServer({ RATE_LIMIT_MAX_REQUESTS: "1", TRUST_PROXY: "false" });
    try {
      const ask = (address: string) =>
        direct.app.inject({ url: "/api/auth/session", headers: { "x-forwarded-for": address } });
      expect((await ask("192.0.2.1")).statusCode).toBe(200);
      expect((await ask("192.0.2.2")).statusCode).toBe(429);
    } finally {
      await direct.app.close();
    }
  });
});

describe("every answer", () => {
  it("passes a sound request id on and replaces any other", async () => {
    const ask = async (id: string) =>
      (await server.app.inject({ url: "/health/live", headers: { "x-request-id": id } })).headers["x-request-id"];
    expect(await ask("edge-0123456789abcdef")).toBe("edge-0123456789abcdef");
    expect(await ask('forged"} {"level":"fatal')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("is JSON with a code, also for what does not exist", async () => {
    const response = await server.app.inject({ url: "/api/nothing" });
    expect(response.statusCode).toBe(404);
    expect(response.json()).toMatchObject({ error: { code: "not_found" } });
    const broken = await server.app.inject({
      method: "POST",
      url: "/api/auth/login",
      headers: { origin: ORIGIN, "content-type": "application/json" },
      payload: "{",
    });
    expect(broken.statusCode).toBe(400);
    expect(broken.json()).toMatchObject({ error: { code: "bad_request" } });
  });
});
