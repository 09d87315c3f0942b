import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { loadConfig } from "../src/config.ts";

const ENV = { ORIGIN: "https://groceries.test:8443", EDGE_ADDRESS: "edge:8443" };
let secrets: string;
beforeAll(() => {
  secrets = mkdtempSync(join(tmpdir(), "synthetic-"));
  writeFileSync(join(secrets, "SYNTHETIC_PASSWORD"), "the secret of it\n");
});
afterAll(() => rmSync(secrets, { recursive: true }));

it("knows the application's name, where its edge is, and the password of its file", () => {
  const config = loadConfig(ENV, secrets);
  expect(config.origin.host).toBe("groceries.test:8443");
  expect(config).toMatchObject({ edge: { host: "edge", port: 8443 }, intervalMs: 60_000, metricsPort: 9401, password: "the secret of it" });
});

it.each([
  [{ ORIGIN: "http://groceries.test" }, /^ORIGIN: expected/],
  [{ ORIGIN: "" }, /^ORIGIN: is missing/],
  [{ EDGE_ADDRESS: "edge" }, /^EDGE_ADDRESS: expected host:port/],
  [{ INTERVAL_SECONDS: "soon" }, /^INTERVAL_SECONDS: expected/],
])("refuses %j by name", (wrong, words) => {
  expect(() => loadConfig({ ...ENV, ...wrong }, secrets)).toThrow(words);
});

it("needs a password", () => {
  expect(() => loadConfig(ENV, "/nowhere")).toThrow(/^SYNTHETIC_PASSWORD: is missing/);
});
