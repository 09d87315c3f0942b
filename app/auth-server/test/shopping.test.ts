import { categories, limits, mutators } from "@grocery/schema";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Server } from "../src/server.ts";
import { freshEmail, somebody, startServer, type Person } from "./helpers.ts";
import { zeroClient } from "./zero-client.ts";

let server: Server;
let owner: Person;
let member: Person;
let stranger: Person;
let listId: string;
let itemId: string;

const client = zeroClient(() => server);
const { push, result, done, rows, share, seeLists, seeList, seeInvitations, seeRemembered } = client;
const add = (person: Person, name: string, more: object = {}, to = listId) => client.add(person, to, name, more);

beforeAll(async () => {
  server = await startServer();
  [owner, member, stranger] = await Promise.all([
    somebody(server, "Owner"),
    somebody(server, "Member"),
    somebody(server, "Stranger"),
  ]);
});
afterAll(() => server.app.close());

beforeEach(async () => {
  listId = await share("Market", owner, member);
  itemId = await add(owner, "Eggs", { quantity: "12" });
});

const item = async (id = itemId) => (await rows("SELECT * FROM item WHERE id = $1", id))[0];
/** What a page that saw the item would send to bring it back. */
const asSeen = (id: string, more: object = {}) => ({
  id,
  listId,
  name: "Eggs",
  quantity: "12",
  unit: "",
  category: "dairy",
  note: "",
  position: "",
  checked: false,
  createdAt: 0,
  ...more,
});
const namesOf = async (person: Person) => (await seeList(person, listId))?.items.map(({ name }) => name).sort();

describe("an item", () => {
  it("keeps its unit, category, note and position", async () => {
    const id = await add(member, "Flour", { quantity: "2", unit: " kg ", category: "pantry", note: "the fine one", position: "V" });
    const flour = { quantity: "2", unit: "kg", category: "pantry", note: "the fine one", position: "V" };
    expect(await item(id)).toMatchObject(flour);
    expect((await seeList(owner, listId))?.items.find((one) => one.id === id)).toMatchObject(flour);
  });

  it("is sorted by its name when nobody has said where it belongs", async () => {
    expect(await item()).toMatchObject({ category: "dairy" });
    expect(await item(await add(owner, "Eggs", { category: "" }))).toMatchObject({ category: "" });
  });

  it("may have a category that only a later release knows", async () => {
    expect(await item(await add(owner, "Nails", { category: "hardware" }))).toMatchObject({ category: "hardware" });
    expect(categories.map(({ key }) => key)).not.toContain("hardware");
  });

  it("is edited in what is given and keeps the rest", async () => {
    const id = await add(owner, "Flour", { unit: "kg", note: "fine" });
    await done(member, "item.edit", { id, name: "Spelt flour", quantity: "3" });
    expect(await item(id)).toMatchObject({ name: "Spelt flour", quantity: "3", unit: "kg", note: "fine", category: "pantry" });
    await done(member, "item.edit", { id, name: "Spelt flour", quantity: "3", unit: "", category: "other", note: "" });
    expect(await item(id)).toMatchObject({ unit: "", note: "", category: "other" });
  });

  it("tells who added it, and who checked it off and when, until it is unchecked", async () => {
    await done(member, "item.check", { id: itemId, checked: true, at: 0 });
    const [seen] = (await seeList(owner, listId))?.items ?? [];
    expect(seen).toMatchObject({ creator: { name: "Owner" }, checker: { name: "Member" } });
    expect(seen?.checkedAt, "by the server's clock").toBeGreaterThan(Date.now() - 60_000);
    await done(owner, "item.check", { id: itemId, checked: false });
    expect(await item()).toMatchObject({ checked: false, checked_by: null, checked_at: null });
  });

  it("is moved", async () => {
    await done(member, "item.move", { id: itemId, position: "0V" });
    expect(await item()).toMatchObject({ position: "0V" });
  });

  it.each([
    ["unit", "u".repeat(limits.itemUnit + 1)],
    ["category", "c".repeat(limits.itemCategory + 1)],
    ["note", "n".repeat(limits.itemNote + 1)],
    ["position", "V".repeat(limits.itemPosition + 1)],
    ["position", "10"],
    ["position", "a b"],
  ])("is refused with a %s of %s", async (field, value) => {
    const args = { id: randomUUID(), listId, name: "X", quantity: "", at: 0, [field]: value };
    expect(await result(owner, "item.add", args)).toMatchObject({ error: "app" });
    expect(await item(args.id)).toBeUndefined();
  });

  it("has every text that its limits allow", async () => {
    const full = {
      name: "n".repeat(limits.itemName),
      quantity: "q".repeat(limits.itemQuantity),
      unit: "u".repeat(limits.itemUnit),
      category: "c".repeat(limits.itemCategory),
      note: "€".repeat(limits.itemNote),
      position: "z".repeat(limits.itemPosition),
    };
    expect(await item(await add(owner, full.name, full))).toMatchObject(full);
  });

  it("is not added a second time, nor changed by trying", async () => {
    const again = { id: itemId, listId, name: "Poison", quantity: "", at: 0 };
    expect(await result(owner, "item.add", again)).toMatchObject({ error: "app" });
    expect(await item()).toMatchObject({ name: "Eggs" });
  });
});

describe("a removal", () => {
  it("is undone completely, by any member", async () => {
    const id = await add(owner, "Milk", { quantity: "1", unit: "l", note: "fresh", position: "k" });
    await done(member, "item.check", { id, checked: true });
    const before = await item(id);
    await done(owner, "item.remove", { id });
    expect(await item(id)).toBeUndefined();
    await done(member, "item.restore", { items: [asSeen(id)] });
    expect(await item(id)).toEqual(before);
    expect(await rows("SELECT 1 FROM trash.item WHERE id = $1", id), "and nothing stays behind").toEqual([]);
  });

  it("can be done and undone again and again", async () => {
    for (const turn of [1, 2, 3]) {
      await done(owner, "item.remove", { id: itemId });
      await done(owner, "item.restore", { items: [asSeen(itemId)] });
      expect(await namesOf(owner), `turn ${turn}`).toEqual(["Eggs"]);
    }
  });

  it("is undone once by two who undo it together", async () => {
    await done(owner, "item.remove", { id: itemId });
    await Promise.all([owner, member].map((person) => done(person, "item.restore", { items: [asSeen(itemId)] })));
    expect(await namesOf(owner)).toEqual(["Eggs"]);
  });

  it("brings back what was there, whatever the page says it was", async () => {
    await done(owner, "item.remove", { id: itemId });
    await done(owner, "item.restore", { items: [asSeen(itemId, { name: "Poison", createdBy: stranger.id })] });
    expect(await item()).toMatchObject({ name: "Eggs", created_by: owner.id });
    expect(await result(owner, "item.restore", { items: [asSeen(randomUUID())] })).toMatchObject({ error: "app" });
  });

  it("is remembered in who did it", async () => {
    await done(member, "item.remove", { id: itemId });
    expect(await rows("SELECT removed_by FROM trash.item WHERE id = $1", itemId)).toEqual([{ removed_by: member.id }]);
  });

  it("goes with its list", async () => {
    await done(owner, "item.remove", { id: itemId });
    await done(owner, "list.remove", { id: listId });
    expect(await rows("SELECT 1 FROM trash.item WHERE id = $1", itemId)).toEqual([]);
    expect(await result(owner, "item.restore", { items: [asSeen(itemId)] })).toMatchObject({ error: "app" });
  });
});

describe("clearing what is checked", () => {
  it("removes those items and no others, and can be undone", async () => {
    const bread = await add(member, "Bread");
    const rice = await add(member, "Rice");
    await add(member, "Salt");
    for (const id of [bread, rice]) await done(owner, "item.check", { id, checked: true });
    await done(owner, "item.clearChecked", { listId, ids: [bread, rice, randomUUID()] });
    expect(await namesOf(owner)).toEqual(["Eggs", "Salt"]);
    await done(owner, "item.restore", { items: [bread, rice].map((id) => asSeen(id)) });
    expect(await namesOf(owner)).toEqual(["Bread", "Eggs", "Rice", "Salt"]);
  });

  it("leaves what somebody else has unchecked meanwhile", async () => {
    await done(owner, "item.check", { id: itemId, checked: true });
    await done(member, "item.check", { id: itemId, checked: false });
    await done(owner, "item.clearChecked", { listId, ids: [itemId] });
    expect(await namesOf(owner)).toEqual(["Eggs"]);
  });

  it("refuses all of it when one item is of another list, even of the caller's own", async () => {
    const other = randomUUID();
    await done(owner, "list.create", { id: other, name: "Other", at: 0 });
    const elsewhere = await add(owner, "Tea", {}, other);
    for (const id of [itemId, elsewhere]) await done(owner, "item.check", { id, checked: true });
    expect(await result(owner, "item.clearChecked", { listId, ids: [itemId, elsewhere] })).toMatchObject({ error: "app" });
    expect(await item(itemId)).toBeDefined();
    expect(await item(elsewhere)).toBeDefined();
  });

  it("takes at most so many at once", async () => {
    const ids = Array.from({ length: limits.itemsAtOnce + 1 }, () => randomUUID());
    expect(await result(owner, "item.clearChecked", { listId, ids })).toMatchObject({ error: "app" });
    expect(await result(owner, "item.clearChecked", { listId, ids: [] })).toMatchObject({ error: "app" });
    await done(owner, "item.clearChecked", { listId, ids: ids.slice(1) });
  });
});

describe("what a list has had on it", () => {
  it("is remembered once a name, with what it last was and how often", async () => {
    await add(member, " eggs ", { quantity: "6", unit: "pcs" });
    expect(await seeRemembered(owner, listId)).toMatchObject([
      { key: "eggs", name: "eggs", quantity: "6", unit: "pcs", category: "dairy", times: 2 },
    ]);
  });

  it("comes newest first, and stays when the item goes", async () => {
    await add(member, "Bread");
    await done(owner, "item.remove", { id: itemId });
    expect((await seeRemembered(owner, listId)).map(({ key }) => key)).toEqual(["bread", "eggs"]);
  });

  it("learns the category that somebody sorts an item into", async () => {
    await done(member, "item.edit", { id: itemId, name: "Eggs", quantity: "", category: "other" });
    expect(await seeRemembered(owner, listId)).toMatchObject([{ key: "eggs", category: "other" }]);
    await add(member, "Eggs", { category: "" });
    expect(await seeRemembered(owner, listId), "unsorted is no opinion").toMatchObject([{ category: "other" }]);
  });

  it("is forgotten on request", async () => {
    await done(member, "remembered.forget", { listId, key: "eggs" });
    expect(await seeRemembered(owner, listId)).toEqual([]);
  });

  it("is kept to so many a list, of which the oldest go first", async () => {
    await rows(
      `INSERT INTO remembered_item (list_id, key, name, last_added_at)
       SELECT $1, 'thing ' || n, 'thing ' || n, now() - n * interval '1 hour' FROM generate_series(1, $2::int) AS n`,
      listId,
      limits.rememberedPerList - 1,
    );
    await add(owner, "Bread");
    const keys = (await seeRemembered(owner, listId)).map(({ key }) => key);
    expect(keys).toHaveLength(limits.rememberedPerList);
    expect(keys.slice(0, 3)).toEqual(["bread", "eggs", "thing 1"]);
    expect(await rows("SELECT 1 FROM remembered_item WHERE list_id = $1", listId)).toHaveLength(limits.rememberedPerList);
  });
});

describe("a list", () => {
  it("is archived and taken out again by its owner, for everybody", async () => {
    const archivedFor = async (person: Person) =>
      (await seeLists(person)).filter((list) => list.id === listId).map((list) => typeof list.archivedAt);
    await done(owner, "list.archive", { id: listId, archived: true, at: 0 });
    expect(await archivedFor(member)).toEqual(["number"]);
    await done(owner, "list.archive", { id: listId, archived: false, at: 0 });
    expect(await archivedFor(member)).toEqual(["object"]);
  });

  it("is ordered as any member wishes", async () => {
    await done(member, "list.setOrder", { id: listId, order: "manual" });
    expect(await seeList(owner, listId)).toMatchObject({ itemOrder: "manual" });
    expect(await result(member, "list.setOrder", { id: listId, order: "random" })).toMatchObject({ error: "app" });
  });

  it("shows who owns it, and passes to another member with all that the owner may do", async () => {
    const roles = async () =>
      Object.fromEntries((await seeList(owner, listId))?.members.map((one) => [one.userId, one.role]) ?? []);
    expect(await roles()).toEqual({ [owner.id]: "owner", [member.id]: "editor" });
    await done(owner, "list.handOver", { id: listId, userId: member.id });
    expect(await roles()).toEqual({ [owner.id]: "editor", [member.id]: "owner" });
    expect(await result(owner, "list.rename", { id: listId, name: "Mine" })).toMatchObject({ error: "app" });
    await done(member, "list.rename", { id: listId, name: "Ours" });
    await done(owner, "member.remove", { listId, userId: owner.id });
  });

  it("passes to nobody who is not on it", async () => {
    expect(await result(owner, "list.handOver", { id: listId, userId: stranger.id })).toMatchObject({ error: "app" });
    expect(await rows("SELECT owner_id FROM list WHERE id = $1", listId)).toEqual([{ owner_id: owner.id }]);
  });

  it("is archived or handed over by no member but its owner", async () => {
    for (const [name, args] of [
      ["list.archive", { id: listId, archived: true, at: 0 }],
      ["list.handOver", { id: listId, userId: member.id }],
    ] as const)
      expect(await result(member, name, args), name).toMatchObject({ error: "app" });
  });
});

describe("a stranger", () => {
  const state = () =>
    rows(
      `SELECT to_json(list) AS list,
              (SELECT json_agg(item ORDER BY id) FROM item WHERE list_id = list.id) AS items,
              (SELECT json_agg(item ORDER BY id) FROM trash.item WHERE list_id = list.id) AS removed,
              (SELECT json_agg(one ORDER BY key) FROM remembered_item AS one WHERE list_id = list.id) AS remembered,
              (SELECT json_agg(one ORDER BY user_id) FROM list_member AS one WHERE list_id = list.id) AS members
         FROM list WHERE id = $1`,
      listId,
    );

  it("changes nothing by any of these, and is told the same as for a list that is not there", async () => {
    const removed = await add(owner, "Milk");
    await done(owner, "item.remove", { id: removed });
    await done(owner, "item.check", { id: itemId, checked: true });
    const before = await state();
    const nowhere = await result(stranger, "list.archive", { id: randomUUID(), archived: true, at: 0 });
    expect(nowhere).toMatchObject({ error: "app" });
    for (const [name, args] of [
      ["list.archive", { id: listId, archived: true, at: 0 }],
      ["list.setOrder", { id: listId, order: "manual" }],
      ["list.handOver", { id: listId, userId: stranger.id }],
      ["item.add", { id: randomUUID(), listId, name: "Poison", quantity: "", unit: "kg", category: "", note: "", at: 0 }],
      ["item.edit", { id: itemId, name: "Poison", quantity: "", note: "!" }],
      ["item.check", { id: itemId, checked: false, at: 0 }],
      ["item.move", { id: itemId, position: "V" }],
      ["item.remove", { id: itemId }],
      ["item.clearChecked", { listId, ids: [itemId] }],
      ["item.restore", { items: [asSeen(removed)] }],
      ["remembered.forget", { listId, key: "eggs" }],
    ] as const)
      expect(await result(stranger, name, args), name).toEqual(nowhere);
    expect(await state()).toEqual(before);
  });

  it("reaches nothing through a list of their own", async () => {
    const removed = await add(owner, "Milk");
    await done(owner, "item.remove", { id: removed });
    await done(owner, "item.check", { id: itemId, checked: true });
    const own = randomUUID();
    await done(stranger, "list.create", { id: own, name: "Own", at: 0 });
    const before = await state();
    const refused = { error: "app" };
    expect(await result(stranger, "item.clearChecked", { listId: own, ids: [itemId] })).toMatchObject(refused);
    expect(await result(stranger, "item.restore", { items: [asSeen(removed, { listId: own })] })).toMatchObject(refused);
    // Removing an item of the same id from one's own list must not touch what the other list has removed.
    await done(stranger, "item.add", { id: removed, listId: own, name: "Mine", quantity: "", at: 0 });
    await done(stranger, "item.remove", { id: removed });
    expect(await state()).toEqual(before);
    await done(owner, "item.restore", { items: [asSeen(removed)] });
    expect(await item(removed)).toMatchObject({ name: "Milk", list_id: listId });
  });

  it("sees none of it", async () => {
    expect(await seeRemembered(stranger, listId)).toEqual([]);
    expect(await seeList(stranger, listId)).toBeUndefined();
    expect((await seeLists(stranger)).map(({ id }) => id)).not.toContain(listId);
  });

  it("is who left the list, too", async () => {
    await done(owner, "item.remove", { id: itemId });
    await done(member, "member.remove", { listId, userId: member.id });
    expect(await result(member, "item.restore", { items: [asSeen(itemId)] })).toMatchObject({ error: "app" });
    expect(await result(member, "remembered.forget", { listId, key: "eggs" })).toMatchObject({ error: "app" });
    expect(await seeRemembered(member, listId)).toEqual([]);
  });
});

describe("somebody whose address is not known to be theirs", () => {
  it("has no invitations, not even to the address of nobody", async () => {
    const nobody = { ...member, email: "" };
    await done(owner, "invitation.create", { listId, email: freshEmail(), at: 0 });
    expect(await seeInvitations(nobody)).toEqual([]);
    expect(await result(owner, "invitation.create", { listId, email: "", at: 0 })).toMatchObject({ error: "app" });
  });
});

describe("there is an end to", () => {
  it("the items of a list, for adding and for bringing back", async () => {
    await done(owner, "item.remove", { id: itemId });
    await rows(
      `INSERT INTO item (id, list_id, name) SELECT gen_random_uuid(), $1, 'thing ' || n FROM generate_series(1, $2::int) AS n`,
      listId,
      limits.itemsPerList - 1,
    );
    const last = await add(member, "The last one");
    const full = await result(member, "item.add", { id: randomUUID(), listId, name: "One more", quantity: "", at: 0 });
    expect(full).toEqual({ error: "app", message: expect.stringMatching(/1000 items/) as string });
    expect(await result(owner, "item.restore", { items: [asSeen(itemId)] })).toEqual(full);
    await done(owner, "item.remove", { id: last });
    await done(owner, "item.restore", { items: [asSeen(itemId)] });
  });

  it("the lists of a person, made or joined", async () => {
    const collector = await somebody(server, "Collector");
    await rows(
      `WITH made AS (INSERT INTO list (id, name, owner_id)
                     SELECT gen_random_uuid(), 'list ' || n, $1 FROM generate_series(1, $2::int) AS n RETURNING id)
       INSERT INTO list_member (list_id, user_id) SELECT id, $1 FROM made`,
      collector.id,
      limits.listsPerUser,
    );
    const full = await result(collector, "list.create", { id: randomUUID(), name: "One more", at: 0 });
    expect(full).toMatchObject({ error: "app" });
    await done(owner, "invitation.create", { listId, email: collector.email, at: 0 });
    expect(await result(collector, "invitation.accept", { listId, at: 0 })).toEqual(full);
  });

  it("the people on a list, and the invitations to it", async () => {
    await rows(
      `WITH people AS (INSERT INTO profile (id, name)
                       SELECT gen_random_uuid(), 'person ' || n FROM generate_series(1, $2::int) AS n RETURNING id)
       INSERT INTO list_member (list_id, user_id) SELECT $1, id FROM people`,
      listId,
      limits.membersPerList - 2,
    );
    await done(owner, "invitation.create", { listId, email: stranger.email, at: 0 });
    expect(await result(stranger, "invitation.accept", { listId, at: 0 })).toMatchObject({ error: "app" });
    expect(await seeList(stranger, listId)).toBeUndefined();
    await rows(
      `INSERT INTO invitation (list_id, email, invited_by)
       SELECT $1, 'guest-' || n || '@example.org', $2 FROM generate_series(1, $3::int) AS n`,
      listId,
      owner.id,
      limits.invitationsPerList - 1,
    );
    expect(await result(owner, "invitation.create", { listId, email: freshEmail(), at: 0 })).toMatchObject({ error: "app" });
  });
});

it("works for a page of the first release, which says less", async () => {
  const id = randomUUID();
  const list = randomUUID();
  await done(owner, "list.create", { id: list, name: "Old", at: 0 });
  await done(owner, "list.rename", { id: list, name: "Old one" });
  await done(owner, "item.add", { id, listId: list, name: "Bread", quantity: "2", at: 0 });
  await done(owner, "item.edit", { id, name: "Rye bread", quantity: "1" });
  await done(owner, "item.check", { id, checked: true });
  expect(await item(id)).toMatchObject({ name: "Rye bread", unit: "", note: "", position: "", checked_by: owner.id });
  await done(owner, "item.remove", { id });
  await done(owner, "invitation.create", { listId: list, email: member.email, at: 0 });
  await done(member, "invitation.decline", { listId: list });
  await done(owner, "invitation.create", { listId: list, email: member.email, at: 0 });
  await done(owner, "invitation.withdraw", { listId: list, email: member.email });
  await done(owner, "list.remove", { id: list });
});

it("has been tried in every mutator there is, as a member and as a stranger", async () => {
  const names = Object.entries(mutators)
    .filter(([group]) => group !== "~")
    .flatMap(([group, members]) => Object.keys(members as object).map((name) => `${group}.${name}`))
    .filter((name) => !name.endsWith("~"));
  expect(names.sort()).toEqual([
    "invitation.accept",
    "invitation.create",
    "invitation.decline",
    "invitation.withdraw",
    "item.add",
    "item.check",
    "item.clearChecked",
    "item.edit",
    "item.move",
    "item.remove",
    "item.restore",
    "list.archive",
    "list.create",
    "list.handOver",
    "list.remove",
    "list.rename",
    "list.setOrder",
    "member.remove",
    "remembered.forget",
  ]);
  const forged = names.map((name) => ({ name, args: { "; DROP TABLE item; --": 1 } }));
  const answer = (await push(owner, ...forged)).json<{ mutations: { result: object }[] }>();
  for (const { result: told } of answer.mutations)
    expect(told).toEqual({ error: "app", message: "This change could not be made." });
});
