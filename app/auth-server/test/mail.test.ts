import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { Outbox } from "../src/mail/outbox.ts";
import { transportFor } from "../src/mail/transport.ts";
import type { Server } from "../src/server.ts";
import { cookieHeader, freshEmail, ORIGIN, PASSWORD, postgres, send, somebody, startServer, write, type Person } from "./helpers.ts";
import { MailServer, type Mail } from "./mail-server.ts";
import { zeroClient } from "./zero-client.ts";

const NEXT = "an entirely different one";

let mail: MailServer;
let server: Server;
beforeAll(async () => {
  mail = await MailServer.start();
  server = await startServer({ ...mail.settings, EMAIL_FROM: "Grocery List <no-reply@groceries.test>" });
});
afterAll(async () => {
  await server.app.close();
  await mail.stop();
});

/** The mails to `address` once there are so many. */
async function mailsTo(address: string, count = 1, from = mail): Promise<readonly Mail[]> {
  await expect.poll(() => from.to(address).length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
  return from.to(address);
}
/** The token in the link of a mail to this page of ours. */
const tokenIn = (letter: Mail | undefined, page: "verify" | "reset") =>
  new RegExp(`^${ORIGIN}/${page}#([\\w-]{43})$`, "m").exec(letter?.text ?? "")?.[1] ?? `no link to ${page}`;
const nothingWaits = () =>
  expect.poll(async () => (await server.database.rows("SELECT 1 FROM mail.outbox")).length, { timeout: 10_000 }).toBe(0);
const me = async (person: Person) =>
  (await send(server, "GET", "/api/account", {}, { cookie: person.cookie })).json<{ emailVerified: boolean }>();
const login = (email: string, password: string, on = server) => write(on, "/api/auth/login", { email, password });
const forgot = (email: string, on = server) => write(on, "/api/auth/forgot-password", { email });
const reset = (token: string, password = NEXT) => write(server, "/api/auth/reset-password", { token, password });
const verify = (token: string) => write(server, "/api/auth/verify-email", { token });

describe("registering where mail can be sent", () => {
  it("sends a link that shows whose the address is, once", async () => {
    const person = await somebody(server, "Ada");
    const [letter] = await mailsTo(person.email);
    expect(letter?.from).toBe("Grocery List <no-reply@groceries.test>");
    expect(letter?.headers).toMatch(/^Auto-Submitted: auto-generated$/im);
    const token = tokenIn(letter, "verify");
    expect((await me(person)).emailVerified).toBe(false);
    expect((await verify(token)).statusCode).toBe(204);
    expect((await me(person)).emailVerified).toBe(true);
    const session = await send(server, "GET", "/api/auth/session", {}, { cookie: person.cookie });
    expect(session.json()).toMatchObject({ user: { emailVerified: true } });
    const spent = await verify(token);
    expect([spent.statusCode, spent.json()]).toMatchObject([400, { error: { code: "spent_link" } }]);
  });

  it("answers a known address alike and tells its owner, who gets no link that gives anything away", async () => {
    const email = freshEmail();
    const register = () => write(server, "/api/auth/register", { email, password: PASSWORD, name: "N" });
    const first = await register();
    await mailsTo(email, 1);
    const second = await register();
    expect([second.statusCode, second.body, second.cookies]).toEqual([first.statusCode, first.body, first.cookies]);
    const letters = await mailsTo(email, 2);
    expect(letters[1]?.subject).toBe("You already have an account");
    expect(letters[1]?.text).toContain(`${ORIGIN}/forgot`);
    expect(letters[1]?.text).not.toContain("#");
  });

  it("repeats in mails no word that whoever registered has typed, so that nobody's advertising is sent", async () => {
    const email = freshEmail();
    await write(server, "/api/auth/register", { email, password: PASSWORD, name: "Cheap pills at evil.test" });
    const [letter] = await mailsTo(email);
    expect(`${letter?.headers}\n${letter?.text}`).not.toMatch(/pills|evil/);
  });

  it("sends the link again when its owner asks, a few times and not once it is done", async () => {
    const person = await somebody(server);
    const ask = async () => (await send(server, "POST", "/api/account/verification", {}, { cookie: person.cookie })).statusCode;
    expect(await ask()).toBe(202);
    const [first, second] = await mailsTo(person.email, 2);
    expect((await verify(tokenIn(first, "verify"))).statusCode, "an earlier link is good too").toBe(204);
    expect((await verify(tokenIn(second, "verify"))).statusCode, "but only one of them").toBe(400);
    expect(await ask(), "asked when there is nothing to show any more").toBe(202);
    await nothingWaits();
    expect(mail.to(person.email)).toHaveLength(2);
    for (const _ of [3, 4, 5]) await ask();
    expect(await ask()).toBe(429);
  });
});

describe("an address that nobody has shown to be theirs", () => {
  it("logs in, but sees and accepts no invitation to it until it is", async () => {
    const { done, result, seeInvitations } = zeroClient(() => server);
    const owner = await somebody(server, "Owner");
    const guest = await somebody(server, "Guest");
    const listId = crypto.randomUUID();
    await done(owner, "list.create", { id: listId, name: "Party", at: 0 });
    await done(owner, "invitation.create", { listId, email: guest.email, at: 0 });
    expect(await seeInvitations({ ...guest, email: "" }), "as the server asks for them").toEqual([]);
    expect(await result(guest, "invitation.accept", { listId, at: 0 })).toHaveProperty("error");

    const [letter] = await mailsTo(guest.email);
    await verify(tokenIn(letter, "verify"));
    await done(guest, "invitation.accept", { listId, at: 0 });
  });
});

describe("a forgotten password", () => {
  it("is replaced with the link from a mail: other sessions end, the address counts as shown, the owner is told", async () => {
    const person = await somebody(server);
    await mailsTo(person.email, 1);
    expect((await forgot(person.email)).statusCode).toBe(202);
    const letters = await mailsTo(person.email, 2);
    const token = tokenIn(letters[1], "reset");
    expect((await reset(token, "short")).statusCode, "and the link is still good").toBe(400);
    const done = await reset(token);
    expect(done.statusCode).toBe(204);
    expect(done.cookies.map((cookie) => cookie.value), "whoever is logged in here logs in anew").toEqual(["", ""]);

    expect((await send(server, "GET", "/api/account", {}, { cookie: person.cookie })).statusCode).toBe(401);
    expect((await login(person.email, PASSWORD)).statusCode).toBe(401);
    const back = await login(person.email, NEXT);
    expect(back.json()).toMatchObject({ user: { id: person.id, emailVerified: true } });
    expect((await mailsTo(person.email, 3))[2]?.subject).toBe("Your password was changed");
    expect((await reset(token)).statusCode, "once").toBe(400);
  });

  it("answers alike for an address without an account, does the same work, and sends it nothing", async () => {
    const known = await somebody(server);
    const unknown = freshEmail();
    const answers = [await forgot(known.email), await forgot(unknown)];
    expect(answers.map((answer) => [answer.statusCode, answer.body])).toEqual([
      [202, answers[0]?.body],
      [202, answers[0]?.body],
    ]);
    await mailsTo(known.email, 2);
    await nothingWaits();
    expect(mail.to(unknown)).toEqual([]);
  });

  it("is not replaced by an old link, an invented one, or one for something else", async () => {
    const person = await somebody(server);
    const forVerifying = tokenIn((await mailsTo(person.email, 1))[0], "verify");
    await forgot(person.email);
    const token = tokenIn((await mailsTo(person.email, 2))[1], "reset");
    await server.database.rows("UPDATE auth.mail_token SET expires_at = now() WHERE account_id = $1 AND purpose = 'reset'", [person.id]);
    for (const bad of [token, forVerifying, "", "x".repeat(43), "x".repeat(200)])
      expect((await reset(bad)).statusCode, bad).toBe(400);
    expect((await verify(token)).statusCode).toBe(400);
    expect((await login(person.email, PASSWORD)).statusCode).toBe(200);
  });

  it("makes links void that were asked for before the password was changed otherwise", async () => {
    const person = await somebody(server);
    await forgot(person.email);
    const token = tokenIn((await mailsTo(person.email, 2)).find(({ text }) => text.includes("/reset#")), "reset");
    const change = await send(server, "POST", "/api/account/password", { current: PASSWORD, next: NEXT }, { cookie: person.cookie });
    expect(change.statusCode).toBe(204);
    expect((await reset(token, "one of a thief's own")).statusCode).toBe(400);
  });

  it("lets its owner in again at once, after too many guesses", async () => {
    const strict = await startServer({ ...mail.settings, LOGIN_ATTEMPTS_PER_ACCOUNT: "2" });
    try {
      const person = await somebody(server);
      for (const _ of [1, 2, 3]) await login(person.email, "a wrong guess", strict);
      expect((await login(person.email, PASSWORD, strict)).statusCode).toBe(429);
      await forgot(person.email);
      const token = tokenIn((await mailsTo(person.email, 2)).find(({ text }) => text.includes("/reset#")), "reset");
      await write(strict, "/api/auth/reset-password", { token, password: NEXT });
      expect((await login(person.email, NEXT, strict)).statusCode).toBe(200);
    } finally {
      await strict.app.close();
    }
  });

  it("is asked for only so often by one address, and mailed only so often to one, of which nobody is told", async () => {
    const strict = await startServer({ ...mail.settings, MAIL_REQUESTS_PER_ADDRESS: "6", MAILS_PER_RECIPIENT: "3" });
    try {
      const person = await somebody(server);
      await mailsTo(person.email, 1);
      const ask = async (email: string) =>
        (await write(strict, "/api/auth/forgot-password", { email }, { "x-forwarded-for": "198.51.100.7" })).statusCode;
      const codes = [];
      for (let n = 0; n < 5; n += 1) codes.push(await ask(person.email));
      codes.push(await ask(freshEmail()), await ask(freshEmail()));
      expect(codes).toEqual([202, 202, 202, 202, 202, 202, 429]);
      await mailsTo(person.email, 3);
      await nothingWaits();
      expect(mail.to(person.email), "with the one for registering").toHaveLength(3);
    } finally {
      await strict.app.close();
    }
  });
});

describe("mail that waits", () => {
  const due = (on: Server, email: string) =>
    on.database.rows("UPDATE mail.outbox SET due_at = now() WHERE email = $1", [email]);
  const waiting = async (email: string) =>
    (await server.database.rows<{ attempts: number }>("SELECT attempts FROM mail.outbox WHERE email = $1", [email]))[0];
  /** Any request for a mail makes the server look what is due. */
  const nudge = () => forgot(freshEmail());

  beforeEach(nothingWaits);
  afterEach(() => mail.refusals.splice(0));

  it("is tried again when the mail server has no time, and then sent once", async () => {
    mail.refusals.push(451);
    const email = freshEmail();
    await write(server, "/api/auth/register", { email, password: PASSWORD, name: "N" });
    await expect.poll(() => mail.refusals.length, { timeout: 10_000 }).toBe(0);
    await expect.poll(async () => (await waiting(email))?.attempts, { timeout: 10_000 }).toBe(1);
    expect(mail.to(email), "not yet").toEqual([]);
    await expect
      .poll(async () => {
        await due(server, email);
        await nudge();
        return mail.to(email).length;
      }, { timeout: 10_000 })
      .toBe(1);
    await nothingWaits();
    expect(mail.to(email)).toHaveLength(1);
  });

  it("is given up when the mail server says that it never will be taken", async () => {
    mail.refusals.push(550);
    const email = freshEmail();
    await write(server, "/api/auth/register", { email, password: PASSWORD, name: "N" });
    await nothingWaits();
    expect(mail.to(email)).toEqual([]);
    const metrics = await server.app.inject({ url: "/metrics" });
    expect(metrics.body).toMatch(/emails_total\{result="failed"\} [1-9]/);
  });

  it("is given up after a day, and forgotten where no mail is sent any more", async () => {
    const email = freshEmail();
    const put = (age: string, due: string) =>
      server.database.rows(
        `INSERT INTO mail.outbox (kind, email, attempts, created_at, due_at)
         SELECT 'reset', email, 20, now() - $2::interval, now() + $3::interval FROM auth.account WHERE email = $1`,
        [email, age, due],
      );
    await somebody(server, "N", email);
    await mailsTo(email);
    mail.refusals.push(451);
    await put("25 hours", "0");
    await nudge();
    await nothingWaits();
    expect(mail.to(email)).toHaveLength(1);

    const disabled = await startServer();
    try {
      await put("49 hours", "1 hour");
      await Outbox.sweep(disabled.database);
      await nothingWaits();
    } finally {
      await disabled.app.close();
    }
  });

  it("is sent by one of several servers, and by another when the first one died with it", async () => {
    const other = await startServer(mail.settings);
    try {
      const people = Array.from({ length: 12 }, freshEmail);
      await Promise.all(people.map((email, n) =>
        write(n % 2 ? server : other, "/api/auth/register", { email, password: PASSWORD, name: "N" })));
      for (const email of people) await mailsTo(email);
      await nothingWaits();
      for (const email of people) expect(mail.to(email), email).toHaveLength(1);

      // Taken by a process that is gone: its time is over and nobody has removed it.
      const account = await server.database.rows<{ id: string }>("SELECT id FROM auth.account WHERE email = $1", [people[0]]);
      await server.database.rows(
        "INSERT INTO mail.outbox (kind, email, account_id, attempts, due_at) VALUES ('verify', $1, $2, 1, now() - interval '1 second')",
        [people[0], account[0]?.id],
      );
      await nudge();
      await mailsTo(people[0] ?? "", 2);
    } finally {
      await other.app.close();
    }
  });

  it("keeps no answer waiting while the mail server is away, and is lost by no restart", async () => {
    const away = await MailServer.start();
    await away.stop();
    const first = await startServer({ ...away.settings });
    const email = freshEmail();
    const person = await somebody(first, "N", email);
    expect(cookieHeader(await login(person.email, PASSWORD, first))).not.toBe("");
    await first.app.close();
    await due(server, email);
    const second = await startServer(mail.settings);
    try {
      await mailsTo(email);
    } finally {
      await second.app.close();
    }
  });

  it("leaves no token in the database from which a link could be made", async () => {
    const email = freshEmail();
    await write(server, "/api/auth/register", { email, password: PASSWORD, name: "N" });
    const [letter] = await mailsTo(email);
    const token = tokenIn(letter, "verify");
    const rows = await server.database.rows<{ all: string }>(
      `SELECT string_agg(t::text, ' ') AS all FROM (SELECT mail_token::text AS t FROM auth.mail_token
         UNION ALL SELECT outbox::text FROM mail.outbox) AS everything`,
    );
    expect(rows[0]?.all).not.toContain(token);
    expect(rows[0]?.all).not.toContain(Buffer.from(token).toString("hex"));
  });
});

describe("the way to the mail server", () => {
  const letter = { from: "a@groceries.test", to: "b@example.org", subject: "S", text: "T" };

  it("is never plain where it must be encrypted: nothing is sent to a server without STARTTLS", async () => {
    const plain = await MailServer.start();
    const settings = { host: "localhost", port: plain.port, credentials: undefined, from: "" };
    try {
      await expect(transportFor({ ...settings, security: "starttls" }).sendMail(letter)).rejects.toThrow(/STARTTLS/);
      expect(plain.attempts).toBe(0);
      await transportFor({ ...settings, security: "none" }).sendMail(letter);
      expect(plain.attempts, "where it need not").toBe(1);
    } finally {
      await plain.stop();
    }
  });

  it.each(["starttls", "tls"] as const)("tells an impostor neither mail nor password (%s)", async (security) => {
    const seen: string[] = [];
    const impostor = await MailServer.start({
      disabledCommands: [],
      secure: security === "tls",
      key: readFileSync(join(postgres.directory, "server.key")),
      cert: readFileSync(join(postgres.directory, "server.crt")),
      onAuth: (auth, _session, callback) => {
        seen.push(auth.username ?? "");
        callback(null, { user: auth.username ?? "" });
      },
    });
    const credentials = { username: "grocery", password: "of the mail account" };
    const settings = { host: "localhost", port: impostor.port, security, credentials, from: "" };
    try {
      await expect(transportFor(settings).sendMail(letter)).rejects.toThrow(/certificate/);
      expect([impostor.attempts, seen]).toEqual([0, []]);
    } finally {
      await impostor.stop();
    }
  });
});
