import { schema } from "@grocery/schema";
import type { TableSchema } from "@rocicorp/zero";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { adminClient } from "./postgres.ts";
import { postgres } from "./helpers.ts";

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

  it("keep what is private out of replication's reach", async () => {
    const published = await query<{ relation: string }>(
      `SELECT table_schema || '.' || table_name AS relation FROM information_schema.role_table_grants
        WHERE grantee = 'zero' AND privilege_type = 'SELECT' AND table_schema IN ('public', 'auth')`,
    );
    expect(published.map(({ relation }) => relation).sort()).toEqual([
      "public.invitation",
      "public.item",
      "public.list",
      "public.list_member",
      "public.profile",
    ]);
    const [{ email } = { email: "?" }] = await query<{ email: string }>(
      `SELECT string_agg(table_name, ',') AS email FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name ~ 'password|hash|token'`,
    );
    expect(email, "no column that looks like a secret").toBeNull();
  });

  it("belong to the owner, so that later migrations may change them", async () => {
    const owners = await query<{ owner: string }>(
      "SELECT DISTINCT tableowner AS owner FROM pg_tables WHERE schemaname IN ('public', 'auth')",
    );
    expect(owners).toEqual([{ owner: "owner" }]);
  });
});
