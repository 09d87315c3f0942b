/** Writing and reading as a browser does through zero-cache, without one. */
import { queries, schema, type Context } from "@grocery/schema";
import { ZQLDatabase } from "@rocicorp/zero/server";
import { NodePgConnection } from "@rocicorp/zero/server/adapters/pg";
import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import type { Server } from "../src/server.ts";
import { write, ZERO_KEY, type Person } from "./helpers.ts";

export type MutationResult = { readonly error?: string; readonly message?: string };
export type Call = { readonly name: string; readonly args: object };

/** `server` is asked for at each call, so that a file may make these before it has started one. */
export function zeroClient(server: () => Server) {
  const read = () => new ZQLDatabase(new NodePgConnection(server().database.pool), schema);
  const contextOf = ({ id, email }: Person): Context => ({ userId: id, email });

  /** One push as zero-cache sends it, in the name of `person`, from a browser of its own. */
  async function push(person: Person | undefined, ...calls: Call[]) {
    const clientID = randomUUID();
    const mutations = calls.map(({ name, args }, index) => ({
      type: "custom",
      id: index + 1,
      clientID,
      name,
      args: [args],
      timestamp: 0,
    }));
    const body = {
      clientGroupID: `group-${clientID}`,
      mutations,
      pushVersion: 1,
      schemaVersion: 1,
      timestamp: 0,
      requestID: "request",
    };
    return write(server(), "/api/zero/mutate?schema=grocery_0&appID=grocery", body, {
      "x-api-key": ZERO_KEY,
      ...(person ? { cookie: person.cookie } : {}),
    });
  }

  /** The result of one mutation; empty when it was done. */
  async function result(person: Person, name: string, args: object): Promise<MutationResult> {
    const response = await push(person, { name, args });
    expect(response.statusCode, response.body).toBe(200);
    const [first] = response.json<{ mutations: { result: MutationResult }[] }>().mutations;
    if (!first) throw new Error(`no result in ${response.body}`);
    return first.result;
  }

  const done = async (person: Person, name: string, args: object) =>
    expect(await result(person, name, args), name).toEqual({});

  /** A new list that all of them are on; its id. */
  async function share(name: string, owner: Person, ...others: Person[]): Promise<string> {
    const id = randomUUID();
    await done(owner, "list.create", { id, name, at: 0 });
    for (const other of others) {
      await done(owner, "invitation.create", { listId: id, email: other.email, at: 0 });
      await done(other, "invitation.accept", { listId: id, at: 0 });
    }
    return id;
  }

  /** Adds an item and returns its id. */
  async function add(person: Person, listId: string, name: string, more: object = {}): Promise<string> {
    const id = randomUUID();
    await done(person, "item.add", { id, listId, name, quantity: "", at: 0, ...more });
    return id;
  }

  return {
    push,
    result,
    done,
    share,
    add,
    rows: (sql: string, ...values: unknown[]) => server().database.rows<Record<string, unknown>>(sql, values),
    seeLists: (person: Person) => read().run(queries.list.mine.fn({ args: undefined, ctx: contextOf(person) })),
    seeList: (person: Person, id: string) =>
      read().run(queries.list.byId.fn({ args: { id }, ctx: contextOf(person) })),
    seeInvitations: (person: Person) =>
      read().run(queries.invitation.mine.fn({ args: undefined, ctx: contextOf(person) })),
    seeRemembered: (person: Person, listId: string) =>
      read().run(queries.remembered.ofList.fn({ args: { listId }, ctx: contextOf(person) })),
  };
}
