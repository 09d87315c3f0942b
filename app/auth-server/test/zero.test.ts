import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Server } from "../src/server.ts";
import { freshEmail, somebody, startServer, write, ZERO_KEY, type Person } from "./helpers.ts";
import { zeroClient, type MutationResult } from "./zero-client.ts";

let server: Server;
let owner: Person;
let member: Person;
let stranger: Person;
let listId: string;
let itemId: string;

beforeAll(async () => {
  server = await startServer();
  [owner, member, stranger] = await Promise.all([
    somebody(server, "Owner"),
    somebody(server, "Member"),
    somebody(server, "Stranger"),
  ]);
});
afterAll(() => server.app.close());

const { push, result, done, rows, share, add, seeLists, seeList: seeAny, seeInvitations } = zeroClient(() => server);
const seeList = (person: Person, id = listId) => seeAny(person, id);

beforeEach(async () => {
  listId = await share("Market", owner, member);
  itemId = await add(owner, listId, "Eggs", { quantity: "12" });
});

describe("zero-cache's endpoints", () => {
  const query = (headers: Record<string, string>) =>
    write(server, "/api/zero/query?schema=grocery_0&appID=grocery", ["transform", [{ id: "q", name: "list.mine", args: [] }]], headers);

  it("refuse whoever does not have the key, logged in or not", async () => {
    for (const path of ["query", "mutate"])
      for (const headers of [{}, { "x-api-key": "wrong" }, { "x-api-key": `${ZERO_KEY}x` }]) {
        const response = await write(server, `/api/zero/${path}`, {}, { ...headers, cookie: owner.cookie });
        expect(response.statusCode, `${path} ${JSON.stringify(headers)}`).toBe(401);
      }
  });

  it("refuse a browser that is not logged in, so that it asks its user to", async () => {
    expect((await query({ "x-api-key": ZERO_KEY })).statusCode).toBe(401);
    expect((await push(undefined, { name: "list.remove", args: { id: listId } })).statusCode).toBe(401);
  });

  it("refuse a session that was ended, though its access token has not expired", async () => {
    const leaver = await somebody(server);
    const headers = { "x-api-key": ZERO_KEY, cookie: leaver.cookie };
    expect((await query(headers)).statusCode).toBe(200);
    await write(server, "/api/auth/logout", {}, { cookie: leaver.cookie });
    expect((await query(headers)).statusCode).toBe(401);
    expect((await push(leaver, { name: "list.create", args: { id: randomUUID(), name: "N", at: 0 } })).statusCode).toBe(401);
  });

  it("refuse a page of another site, whose origin zero-cache passes on", async () => {
    const headers = { "x-api-key": ZERO_KEY, cookie: owner.cookie, origin: "https://evil.test" };
    expect((await query(headers)).statusCode).toBe(403);
  });

  it("name the verified user, who alone may then use the browser's client group", async () => {
    const response = await query({ "x-api-key": ZERO_KEY, cookie: owner.cookie });
    expect(response.statusCode).toBe(200);
    expect(response.json()).toMatchObject({ userID: owner.id });
    expect(response.body, "the filter is by the verified user").toContain(owner.id);
  });

  it("write for their own schema only", async () => {
    const response = await write(
      server,
      "/api/zero/mutate?schema=public&appID=grocery",
      {},
      { "x-api-key": ZERO_KEY, cookie: owner.cookie },
    );
    expect(response.statusCode).toBe(400);
  });
});

describe("members", () => {
  it("see the list, its items and each other", async () => {
    const list = await seeList(member);
    expect(list?.items.map((item) => item.name)).toEqual(["Eggs"]);
    expect(list?.members.map((one) => one.profile?.name)).toEqual(["Owner", "Member"]);
    expect((await seeLists(member)).map((one) => one.id)).toContain(listId);
  });

  it("add, edit, check off and remove items", async () => {
    const mine = randomUUID();
    await done(member, "item.add", { id: mine, listId, name: " Bread ", quantity: "", at: 0 });
    await done(member, "item.edit", { id: mine, name: "Sourdough", quantity: "2" });
    await done(member, "item.check", { id: mine, checked: true });
    expect(await rows("SELECT name, quantity, checked FROM item WHERE id = $1", mine)).toEqual([
      { name: "Sourdough", quantity: "2", checked: true },
    ]);
    await done(member, "item.remove", { id: mine });
    await done(member, "item.remove", { id: mine });
    expect(await rows("SELECT 1 FROM item WHERE id = $1", mine)).toEqual([]);
  });

  it("do not rename, remove or share what they do not own, and do not see its invitations", async () => {
    await done(owner, "invitation.create", { listId, email: freshEmail(), at: 0 });
    for (const [name, args] of [
      ["list.rename", { id: listId, name: "Mine" }],
      ["list.remove", { id: listId }],
      ["invitation.create", { listId, email: freshEmail(), at: 0 }],
      ["member.remove", { listId, userId: owner.id }],
    ] as const)
      expect(await result(member, name, args), name).toMatchObject({ error: "app" });
    expect((await seeList(owner))?.invitations).toHaveLength(1);
    expect((await seeList(member))?.invitations).toHaveLength(0);
  });

  it("leave, and are removed by the owner; then they are strangers", async () => {
    await done(member, "member.remove", { listId, userId: member.id });
    expect(await seeList(member)).toBeUndefined();
    await done(owner, "invitation.create", { listId, email: member.email, at: 0 });
    await done(member, "invitation.accept", { listId, at: 0 });
    await done(owner, "member.remove", { listId, userId: member.id });
    expect(await seeList(member)).toBeUndefined();
    expect(await result(member, "item.check", { id: itemId, checked: true })).toMatchObject({ error: "app" });
  });

  it("keep times by the server's clock, whatever theirs says", async () => {
    const mine = randomUUID();
    await done(member, "item.add", { id: mine, listId, name: "Late", quantity: "", at: 4_102_444_800_000 });
    const [row] = await rows("SELECT created_at < now() + interval '1 minute' AS sane FROM item WHERE id = $1", mine);
    expect(row).toEqual({ sane: true });
  });
});

describe("a stranger", () => {
  it("sees nothing", async () => {
    expect(await seeList(stranger)).toBeUndefined();
    expect((await seeLists(stranger)).map((list) => list.id)).not.toContain(listId);
    expect((await seeInvitations(stranger)).filter((invitation) => invitation.listId === listId)).toEqual([]);
  });

  it("changes nothing, and is told the same as for a list that is not there", async () => {
    const state = () =>
      rows(
        `SELECT list.name, (SELECT json_agg(item ORDER BY id) FROM item WHERE list_id = list.id) AS items,
                (SELECT count(*) FROM list_member WHERE list_id = list.id) AS members,
                (SELECT count(*) FROM invitation WHERE list_id = list.id) AS invitations
           FROM list WHERE id = $1`,
        listId,
      );
    const before = await state();
    const nowhere = await result(stranger, "list.rename", { id: randomUUID(), name: "X" });
    expect(nowhere).toMatchObject({ error: "app" });
    for (const [name, args] of [
      ["list.rename", { id: listId, name: "Stolen" }],
      ["list.remove", { id: listId }],
      ["list.create", { id: listId, name: "Stolen", at: 0 }],
      ["item.add", { id: randomUUID(), listId, name: "Poison", quantity: "", at: 0 }],
      ["item.edit", { id: itemId, name: "Poison", quantity: "" }],
      ["item.check", { id: itemId, checked: true }],
      ["item.remove", { id: itemId }],
      ["member.remove", { listId, userId: member.id }],
      ["invitation.create", { listId, email: freshEmail(), at: 0 }],
      ["invitation.withdraw", { listId, email: member.email }],
    ] as const)
      expect(await result(stranger, name, args), name).toEqual(nowhere);
    expect(await result(stranger, "invitation.accept", { listId, at: 0 })).toMatchObject({ error: "app" });
    expect(await state()).toEqual(before);
    expect(await seeList(stranger)).toBeUndefined();
  });

  it("cannot reach an item by adding it to a list of their own", async () => {
    const own = randomUUID();
    await done(stranger, "list.create", { id: own, name: "Own", at: 0 });
    await result(stranger, "item.add", { id: itemId, listId: own, name: "Moved", quantity: "", at: 0 });
    expect(await rows("SELECT list_id, name FROM item WHERE id = $1", itemId)).toEqual([
      { list_id: listId, name: "Eggs" },
    ]);
  });
});

describe("sharing", () => {
  it("gives the same outcome for an address with an account and one without", async () => {
    const unknown = freshEmail();
    await done(owner, "invitation.create", { listId, email: stranger.email.toUpperCase(), at: 0 });
    await done(owner, "invitation.create", { listId, email: unknown, at: 0 });
    const list = await seeList(owner);
    expect(list?.invitations.map(({ email }) => email)).toEqual([stranger.email, unknown]);
    expect(list?.members).toHaveLength(2);
    const [one, other] = list?.invitations ?? [];
    expect(Object.keys(one ?? {})).toEqual(Object.keys(other ?? {}));
  });

  it("waits for whoever registers with the address later", async () => {
    const email = freshEmail();
    await done(owner, "invitation.create", { listId, email, at: 0 });
    const newcomer = await somebody(server, "Newcomer", email);
    const [invitation] = await seeInvitations(newcomer);
    expect(invitation).toMatchObject({ listId, list: { name: "Market" }, inviter: { name: "Owner" } });
    expect(await seeList(newcomer), "not before accepting").toBeUndefined();
    await done(newcomer, "invitation.accept", { listId, at: 0 });
    expect((await seeList(newcomer))?.items).toHaveLength(1);
    expect(await seeInvitations(newcomer)).toEqual([]);
  });

  it("can be declined and withdrawn", async () => {
    await done(owner, "invitation.create", { listId, email: stranger.email, at: 0 });
    await done(stranger, "invitation.decline", { listId });
    expect(await result(stranger, "invitation.accept", { listId, at: 0 })).toMatchObject({ error: "app" });
    await done(owner, "invitation.create", { listId, email: stranger.email, at: 0 });
    await done(owner, "invitation.withdraw", { listId, email: stranger.email });
    expect((await seeInvitations(stranger)).filter((invitation) => invitation.listId === listId)).toEqual([]);
  });
});

describe("a push", () => {
  it("goes on after a refused mutation, whose reason is kept for the browser", async () => {
    const kept = randomUUID();
    const response = await push(
      owner,
      { name: "item.check", args: { id: randomUUID(), checked: true } },
      { name: "item.add", args: { id: kept, listId, name: "Kept", quantity: "", at: 0 } },
    );
    expect(response.json<{ mutations: { result: MutationResult }[] }>().mutations.map((m) => m.result)).toMatchObject([
      { error: "app" },
      {},
    ]);
    expect(await rows("SELECT 1 FROM item WHERE id = $1", kept)).toHaveLength(1);
  });

  it.each([
    ["an unknown mutator", "list.steal", {}],
    ["a mutator of the prototype", "constructor.constructor", {}],
    ["a missing argument", "item.check", { checked: true }],
    ["an id that is none", "item.check", { id: "'; DROP TABLE item; --", checked: true }],
    ["an address that is none", "invitation.create", { listId: "00000000-0000-4000-8000-000000000000", email: "x", at: 0 }],
    ["an empty name", "list.create", { id: "00000000-0000-4000-8000-000000000001", name: "   ", at: 0 }],
  ])("with %s is refused without saying what broke", async (_what, name, args) => {
    expect(await result(owner, name, args)).toEqual({ error: "app", message: "This change could not be made." });
  });

  it("survives a deadlock with another one", async () => {
    const client = await server.database.pool.connect();
    try {
      await client.query("BEGIN");
      await client.query("SELECT 1 FROM list_member WHERE list_id = $1 FOR UPDATE", [listId]);
      const pushed = result(owner, "list.remove", { id: listId });
      await expect
        .poll(async () => (await rows("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).length)
        .toBeGreaterThan(0);
      // Now each wants what the other has. The push has waited longer, so PostgreSQL ends that one.
      await client.query("SELECT 1 FROM list WHERE id = $1 FOR UPDATE", [listId]);
      await client.query("ROLLBACK");
      expect(await pushed).toEqual({});
      expect(await rows("SELECT 1 FROM list WHERE id = $1", listId)).toEqual([]);
    } finally {
      client.release();
    }
  });
});
