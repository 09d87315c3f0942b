/** A PostgreSQL of the tests' own, with the roles and grants of a real deployment and TLS only. */
import { execFileSync } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import pg from "pg";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    postgres: PostgresAddress;
  }
}

export type PostgresAddress = {
  readonly port: number;
  readonly directory: string;
  readonly binaries: string;
  readonly ca: string;
  readonly foreignCa: string;
};

// PostgreSQL refuses to run as root; `nobody` exists everywhere.
const identity = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

function run(command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, { ...identity, cwd, stdio: ["ignore", "ignore", "inherit"] });
}

function findBinaries(): string {
  const root = "/usr/lib/postgresql";
  const packaged = existsSync(root) ? readdirSync(root).map((version) => join(root, version, "bin")) : [];
  const folders = [...packaged.sort().reverse(), ...(process.env["PATH"] ?? "").split(delimiter)];
  const found = folders.find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "pg_ctl")));
  if (found) return found;
  throw new Error("These tests need PostgreSQL's own programs (initdb, pg_ctl): apt-get install postgresql");
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

function makeCertificates(directory: string): void {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: directory, stdio: "ignore" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  for (const name of ["ca", "foreign"])
    openssl("req", "-x509", ...key, "-subj", `/CN=${name}`, "-keyout", `${name}.key`, "-out", `${name}.crt`);
  openssl(
    ..."req -x509 -CA ca.crt -CAkey ca.key -subj /CN=localhost -addext subjectAltName=DNS:localhost".split(" "),
    ...["-addext", "basicConstraints=critical,CA:FALSE"],
    ...key,
    ..."-keyout server.key -out server.crt".split(" "),
  );
}

export function startPostgres({ directory, binaries, port }: PostgresAddress): void {
  const options =
    `-p ${port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c wal_level=logical -c fsync=off ` +
    `-c ssl=on -c ssl_cert_file=${directory}/server.crt -c ssl_key_file=${directory}/server.key`;
  run(join(binaries, "pg_ctl"), ["-D", "data", "-w", "-l", "log", "-o", options, "start"], directory);
}

export function stopPostgres({ directory, binaries }: PostgresAddress): void {
  run(join(binaries, "pg_ctl"), ["-D", "data", "-w", "-m", "immediate", "stop"], directory);
}

const ROLES = `
  CREATE ROLE owner NOLOGIN;
  CREATE ROLE api NOLOGIN;
  CREATE ROLE api_a LOGIN PASSWORD 'secret-of-the-database' IN ROLE api;
  CREATE ROLE zero LOGIN REPLICATION PASSWORD 'secret-of-zero';
  CREATE DATABASE grocery OWNER owner;
`;

// What zero-cache makes in its own schema, as far as the server touches it.
const ZERO_TABLES = `
  CREATE SCHEMA grocery_0;
  CREATE TABLE grocery_0.clients (
    "clientGroupID" text NOT NULL, "clientID" text NOT NULL, "lastMutationID" bigint NOT NULL, "userID" text,
    PRIMARY KEY ("clientGroupID", "clientID"));
  CREATE TABLE grocery_0.mutations (
    "clientGroupID" text NOT NULL, "clientID" text NOT NULL, "mutationID" bigint NOT NULL, "result" json NOT NULL,
    PRIMARY KEY ("clientGroupID", "clientID", "mutationID"));
  GRANT USAGE ON SCHEMA grocery_0 TO api;
  GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA grocery_0 TO api;
`;

export function adminClient(address: PostgresAddress, database = "grocery"): pg.Client {
  return new pg.Client({
    host: "localhost",
    port: address.port,
    user: "postgres",
    database,
    ssl: { ca: readFileSync(address.ca, "utf8") },
  });
}

async function execute(address: PostgresAddress, database: string, ...statements: string[]): Promise<void> {
  const client = adminClient(address, database);
  await client.connect();
  try {
    for (const statement of statements) await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Those migrations whose numbers are wanted in their order, each as one transaction of role `owner`, as a deployment
 * applies them. */
export async function migrate(
  address: PostgresAddress,
  database = "grocery",
  wanted: (number: number) => boolean = () => true,
): Promise<void> {
  const folder = new URL("../../schema/migrations/", import.meta.url);
  for (const name of readdirSync(folder).sort())
    if (wanted(Number(name.slice(0, 4))))
      await execute(
        address,
        database,
        `BEGIN; SET LOCAL ROLE owner; ${readFileSync(new URL(name, folder), "utf8")}; COMMIT;`,
      );
}

export default async function setup(project: TestProject): Promise<() => void> {
  const binaries = findBinaries();
  const directory = mkdtempSync(join(tmpdir(), "grocery-test-"));
  if (identity.uid !== undefined) chownSync(directory, identity.uid, identity.gid);
  makeCertificates(directory);
  if (identity.uid !== undefined) chownSync(join(directory, "server.key"), identity.uid, identity.gid);
  const address: PostgresAddress = {
    port: await freePort(),
    directory,
    binaries,
    ca: join(directory, "ca.crt"),
    foreignCa: join(directory, "foreign.crt"),
  };
  run(join(binaries, "initdb"), ["-D", "data", "-U", "postgres", "-A", "trust", "-N"], directory);
  writeFileSync(
    join(directory, "data", "pg_hba.conf"),
    "hostssl all postgres samehost trust\nhostssl all all samehost scram-sha-256\n",
  );
  startPostgres(address);
  const teardown = () => {
    stopPostgres(address);
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    await execute(address, "postgres", ...ROLES.split(";").filter((statement) => statement.trim()));
    await migrate(address);
    await execute(address, "grocery", ZERO_TABLES);
  } catch (error) {
    teardown();
    throw error;
  }
  project.provide("postgres", address);
  return teardown;
}
