import { limits, schema } from "@grocery/schema";
import type { TableSchema } from "@rocicorp/zero";
import { readdirSync, readFileSync } from "node:fs";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ITEM_COLUMNS } from "../src/mutations.ts";
import { postgres } from "./helpers.ts";
import { adminClient, migrate } from "./postgres.ts";

// How Zero carries PostgreSQL's types to the browser.
const ZERO_TYPES: Record<string, string> = {
  uuid: "string",
  text: "string",
  boolean: "boolean",
  integer: "number",
  bigint: "number",
  "double precision": "number",
  "timestamp with time zone": "number",
  jsonb: "json",
};

const tables: readonly TableSchema[] = Object.values(schema.tables);

let client: pg.Client;
beforeAll(async () => {
  client = adminClient(postgres);
  await client.connect();
});
afterAll(() => client.end());

const query = async <Row extends pg.QueryResultRow>(sql: string) => (await client.query<Row>(sql)).rows;

describe("the Zero schema and the database", () => {
  it("have the same tables, columns, types and optional columns", async () => {
    const columns = await query<{ table_name: string; column_name: string; data_type: string; is_nullable: string }>(
      `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
        WHERE table_schema = 'public'`,
    );
    const real = columns.map(
      (c) => `${c.table_name}.${c.column_name}: ${ZERO_TYPES[c.data_type]}${c.is_nullable === "YES" ? " or null" : ""}`,
    );
    const declared = tables.flatMap((table) =>
      Object.entries(table.columns).map(
        ([name, column]) =>
          `${table.serverName ?? table.name}.${column.serverName ?? name}: ${column.type}${column.optional ? " or null" : ""}`,
      ),
    );
    expect(declared.sort()).toEqual(real.sort());
  });

  it("have the same primary keys, one for every table", async () => {
    const keys = await query<{ table: string; columns: string[] }>(
      `SELECT c.relname AS table, array_agg(a.attname::text ORDER BY k.n) AS columns
         FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
         LEFT JOIN unnest(i.indkey) WITH ORDINALITY AS k(attnum, n) ON true
         LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' GROUP BY 1`,
    );
    const declared = tables.map((table) => ({
      table: table.serverName ?? table.name,
      columns: table.primaryKey.map((column) => table.columns[column]?.serverName ?? column),
    }));
    const byTable = (a: { table: string }, b: { table: string }) => a.table.localeCompare(b.table);
    expect(declared.sort(byTable)).toEqual(keys.sort(byTable));
  });

  it("have the same limits", async () => {
    const checks = await query<{ column: string; max: number }>(
      `SELECT relname || '.' || attname AS column, (regexp_match(pg_get_constraintdef(con.oid), '(?:<= |\\{0,)(\\d+)'))[1]::int AS max
         FROM pg_constraint AS con JOIN pg_class ON pg_class.oid = con.conrelid
         JOIN pg_attribute AS a ON a.attrelid = con.conrelid AND a.attnum = con.conkey[1]
        WHERE contype = 'c' AND connamespace = 'public'::regnamespace
          AND pg_get_constraintdef(con.oid) ~ 'length|\\{0,'`,
    );
    expect(Object.fromEntries(checks.map(({ column, max }) => [column, max]))).toEqual({
      "profile.name": limits.profileName,
      "list.name": limits.listName,
      "invitation.email": limits.email,
      "item.name": limits.itemName,
      "item.quantity": limits.itemQuantity,
      "item.unit": limits.itemUnit,
      "item.category": limits.itemCategory,
      "item.note": limits.itemNote,
      // One character is matched by itself: the last, which is no 0.
      "item.position": limits.itemPosition - 1,
      "remembered_item.key": limits.itemName,
      "remembered_item.name": limits.itemName,
      "remembered_item.quantity": limits.itemQuantity,
      "remembered_item.unit": limits.itemUnit,
      "remembered_item.category": limits.itemCategory,
    });
  });

  it("keep removed items as they were", async () => {
    const columns = (table: string) =>
      query(
        `SELECT column_name, data_type, is_nullable, collation_name FROM information_schema.columns
          WHERE table_schema || '.' || table_name = '${table}' AND column_name NOT LIKE 'removed%' ORDER BY column_name`,
      );
    expect(await columns("trash.item")).toEqual(await columns("public.item"));
    const names = (await columns("public.item")).map(({ column_name }) => String(column_name));
    expect(ITEM_COLUMNS.split(", ").sort()).toEqual(names);
  });

  it("keep what is private out of replication's reach", async () => {
    const published = await query<{ relation: string }>(
      `SELECT table_schema || '.' || table_name AS relation FROM information_schema.role_table_grants
        WHERE grantee = 'zero' AND privilege_type = 'SELECT'`,
    );
    expect(published.map(({ relation }) => relation).sort()).toEqual([
      "public.invitation",
      "public.item",
      "public.list",
      "public.list_member",
      "public.profile",
      "public.remembered_item",
    ]);
    const [{ email } = { email: "?" }] = await query<{ email: string }>(
      `SELECT string_agg(table_name, ',') AS email FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name ~ 'password|hash|token|endpoint|p256dh'`,
    );
    expect(email, "no column that looks like a secret").toBeNull();
  });

  it("belong to the owner, so that later migrations may change them", async () => {
    const owners = await query<{ schema: string; owner: string }>(
      `SELECT DISTINCT schemaname AS schema, tableowner AS owner FROM pg_tables
        WHERE schemaname NOT IN ('pg_catalog', 'information_schema', 'grocery_0') ORDER BY 1`,
    );
    expect(owners).toEqual(["auth", "mail", "public", "push", "trash"].map((name) => ({ schema: name, owner: "owner" })));
  });
});

describe("a migration", () => {
  const folder = new URL("../../schema/migrations/", import.meta.url);
  it.each(readdirSync(folder).filter((name) => !/^\d{4}_contract_/.test(name)))(
    "takes nothing away that the release before may need: %s",
    (name) => {
      const text = readFileSync(new URL(name, folder), "utf8").replace(/--.*$/gm, "");
      const narrowing = /\b(DROP\s+(TABLE|COLUMN|SCHEMA)|RENAME|SET\s+NOT\s+NULL|ALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE)\b/i;
      expect(text).not.toMatch(narrowing);
    },
  );
});

describe("a database of the first release", () => {
  let old: pg.Client;
  beforeAll(async () => {
    await client.query("CREATE DATABASE first_release OWNER owner");
    await migrate(postgres, "first_release", (number) => number === 1);
    old = adminClient(postgres, "first_release");
    await old.connect();
  });
  afterAll(async () => {
    await old.end();
    await client.query("DROP DATABASE first_release");
  });

  // As the first release's server writes them, which names no column that it does not know.
  const people = ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"] as const;
  const write = async (listId: string) => {
    await old.query("SET ROLE api");
    await old.query("INSERT INTO profile (id, name) VALUES ($1, 'Owner'), ($2, 'Member') ON CONFLICT DO NOTHING", [...people]);
    await old.query("INSERT INTO list (id, name, owner_id, created_at) VALUES ($1, 'Old', $2, now())", [listId, people[0]]);
    for (const person of people)
      await old.query("INSERT INTO list_member (list_id, user_id, joined_at) VALUES ($1, $2, now())", [listId, person]);
    await old.query(
      `INSERT INTO item (id, list_id, name, quantity, checked, created_by, created_at)
       VALUES (gen_random_uuid(), $1, 'Milk', '2', true, $2, now())`,
      [listId, people[0]],
    );
    await old.query("RESET ROLE");
  };
  const read = async (listId: string) => ({
    list: (await old.query("SELECT name, archived_at, item_order FROM list WHERE id = $1", [listId])).rows as object[],
    roles: (await old.query("SELECT role FROM list_member WHERE list_id = $1 ORDER BY user_id", [listId])).rows as object[],
    items: (await old.query("SELECT name, quantity, unit, category, note, position, checked, checked_by FROM item WHERE list_id = $1", [listId]))
      .rows as object[],
  });

  it("keeps what it has when it is brought to this one, and may be written by the old server then", async () => {
    const before = "10000000-0000-4000-8000-000000000000";
    const after = "20000000-0000-4000-8000-000000000000";
    await write(before);
    await migrate(postgres, "first_release", (number) => number > 1);
    await write(after);
    for (const listId of [before, after])
      expect(await read(listId)).toEqual({
        list: [{ name: "Old", archived_at: null, item_order: "automatic" }],
        roles: [{ role: "owner" }, { role: "editor" }],
        items: [
          { name: "Milk", quantity: "2", unit: "", category: "", note: "", position: "", checked: true, checked_by: null },
        ],
      });
  });
});
