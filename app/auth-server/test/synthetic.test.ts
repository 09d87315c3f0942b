import { SYNTHETIC_EMAIL } from "@grocery/schema";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Server } from "../src/server.ts";
import { SYNTHETIC_ID } from "../src/synthetic.ts";
import { cookieHeader, PASSWORD, somebody, startServer, write, ZERO_KEY, type Person } from "./helpers.ts";
import { MailServer } from "./mail-server.ts";
import { zeroClient } from "./zero-client.ts";

const SECRET = "the-secret-of-the-synthetic-user-1";
const running: Server[] = [];
let people: Server;

async function start(changes: Record<string, string> = {}): Promise<Server> {
  const server = await startServer(changes);
  running.push(server);
  return server;
}

const logIn = (server: Server, password: string) => write(server, "/api/auth/login", { email: SYNTHETIC_EMAIL, password });
/** Until the account has this password. */
const ready = (server: Server, password = SECRET) =>
  vi.waitFor(async () => {
    const [account] = await server.database.rows<{ id: string }>("SELECT id FROM auth.account WHERE email = $1", [SYNTHETIC_EMAIL]);
    expect(account?.id).toBe(SYNTHETIC_ID);
    const response = await logIn(server, password);
    expect(response.statusCode).toBe(200);
    return response;
  });
const accounts = (server: Server) =>
  server.database.rows<{ id: string; name: string; verified: boolean }>(
    `SELECT account.id, name, verified_at IS NOT NULL AS verified
       FROM auth.account JOIN public.profile ON profile.id = account.id WHERE email = $1`,
    [SYNTHETIC_EMAIL],
  );

beforeEach(async () => {
  people = await start({ LOGIN_ATTEMPTS_PER_ACCOUNT: "1000" });
  await people.database.rows("DELETE FROM public.profile WHERE id IN (SELECT id FROM auth.account WHERE email = $1)", [SYNTHETIC_EMAIL]);
});

afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.app.close()));
});

describe("the synthetic user", () => {
  it("is there once the server has its secret, with a name that says what it is", async () => {
    const server = await start({ SYNTHETIC_PASSWORD: SECRET });
    const response = await ready(server);
    expect(response.json()).toMatchObject({ user: { id: SYNTHETIC_ID, name: "Synthetic user", emailVerified: true } });
  });

  it("is nobody where the server has no secret for it", async () => {
    expect((await logIn(people, SECRET)).statusCode).toBe(401);
  });

  it("is one, whichever of two replicas makes it", async () => {
    const servers = await Promise.all([1, 2].map(() => start({ SYNTHETIC_PASSWORD: SECRET })));
    for (const server of servers) await ready(server);
    expect(await accounts(people)).toEqual([{ id: SYNTHETIC_ID, name: "Synthetic user", verified: true }]);
  });

  it("keeps its id and its lists when its password is rotated; the old one is good no more, nor its sessions", async () => {
    const before = await start({ SYNTHETIC_PASSWORD: SECRET });
    const cookie = cookieHeader(await ready(before));
    const zero = zeroClient(() => before);
    const person: Person = { id: SYNTHETIC_ID, email: SYNTHETIC_EMAIL, cookie };
    const list = await zero.share("Synthetic checks", person);

    const after = await start({ SYNTHETIC_PASSWORD: `${SECRET}-next`, LOGIN_ATTEMPTS_PER_ACCOUNT: "1000" });
    await ready(after, `${SECRET}-next`);
    expect((await logIn(after, SECRET)).statusCode).toBe(401);
    expect((await after.app.inject({ url: "/api/account", headers: { cookie } })).statusCode).toBe(401);
    expect((await zero.seeLists(person)).map(({ id }) => id)).toEqual([list]);
  });

  it("takes its address back from whoever registered it when that was possible, and their friends keep their lists", async () => {
    const squatter = "0f0e0d0c-0000-4000-8000-000000000001";
    await people.database.rows(
      `WITH made AS (INSERT INTO auth.account (id, email, password_hash) VALUES ($1, $2, 'x') RETURNING id)
       INSERT INTO public.profile (id, name) SELECT id, 'Squatter' FROM made`,
      [squatter, SYNTHETIC_EMAIL],
    );
    const friend = await somebody(people);
    await people.database.rows("INSERT INTO public.list (id, name, owner_id) VALUES ($1, 'Shared', $1)", [squatter]);
    await people.database.rows("INSERT INTO public.list_member (list_id, user_id) VALUES ($1, $1), ($1, $2)", [squatter, friend.id]);

    const server = await start({ SYNTHETIC_PASSWORD: SECRET });
    await ready(server);
    const [list] = await people.database.rows("SELECT owner_id FROM public.list WHERE id = $1", [squatter]);
    expect(list).toEqual({ owner_id: friend.id });
    await people.database.rows("DELETE FROM public.list WHERE id = $1", [squatter]);
  });

  it("is not counted among the users", async () => {
    await people.database.rows("UPDATE auth.session SET revoked_at = now() WHERE revoked_at IS NULL");
    const server = await start({ SYNTHETIC_PASSWORD: SECRET });
    await ready(server);
    await somebody(server);
    await server.database.ping();
    expect((await server.app.inject("/metrics")).body).toMatch(/^active_users 1$/m);
  });

  it("leaves one row of its clients behind, however often it comes", async () => {
    const server = await start({ SYNTHETIC_PASSWORD: SECRET });
    const person: Person = { id: SYNTHETIC_ID, email: SYNTHETIC_EMAIL, cookie: cookieHeader(await ready(server)) };
    const other = await somebody(server);
    const push = async (who: Person, clientID: string) => {
      const body = {
        clientGroupID: `group-of-${who.id}`,
        mutations: [{ type: "custom", id: 1, clientID, name: "list.rename", args: [{ id: crypto.randomUUID(), name: "x" }], timestamp: 0 }],
        pushVersion: 1,
        schemaVersion: 1,
        timestamp: 0,
        requestID: "request",
      };
      const response = await write(server, "/api/zero/mutate?schema=grocery_0&appID=grocery", body, {
        "x-api-key": ZERO_KEY,
        cookie: who.cookie,
      });
      expect(response.statusCode).toBe(200);
    };
    for (const client of ["first", "second", "third"]) for (const who of [person, other]) await push(who, `${client}-${who.id}`);
    const clientsOf = async (who: Person) =>
      (await server.database.rows('SELECT "clientID" FROM grocery_0.clients WHERE "clientGroupID" = $1 ORDER BY 1', [`group-of-${who.id}`])).map(
        (row) => row["clientID"],
      );
    expect(await clientsOf(person)).toEqual([`third-${person.id}`]);
    expect(await clientsOf(other)).toHaveLength(3);
  });
});

describe("an address that no mail reaches", () => {
  it("can be neither registered nor invited nor sent a new password", async () => {
    const mailServer = await MailServer.start();
    try {
      const server = await start(mailServer.settings);
      for (const email of [SYNTHETIC_EMAIL, "anyone@sub.shop.INVALID"]) {
        const registered = await write(server, "/api/auth/register", { email, password: PASSWORD, name: "x" });
        expect(registered.statusCode, email).toBe(400);
        expect((await write(server, "/api/auth/forgot-password", { email })).statusCode, email).toBe(400);
      }
      const owner = await somebody(people);
      const zero = zeroClient(() => people);
      const listId = await zero.share("Ours", owner);
      const result = await zero.result(owner, "invitation.create", { listId, email: SYNTHETIC_EMAIL, at: 0 });
      expect(result.error).toBeDefined();
    } finally {
      await mailServer.stop();
    }
  });

  it("is written to by nothing, even when its password changes", async () => {
    const mailServer = await MailServer.start();
    try {
      const server = await start({ ...mailServer.settings, SYNTHETIC_PASSWORD: SECRET });
      const cookie = cookieHeader(await ready(server));
      const change = { current: SECRET, next: `${SECRET}-changed` };
      expect((await write(server, "/api/account/password", change, { cookie })).statusCode).toBe(204);
      expect(await server.database.rows("SELECT kind FROM mail.outbox WHERE email = $1", [SYNTHETIC_EMAIL])).toEqual([]);
    } finally {
      await mailServer.stop();
    }
  });
});
