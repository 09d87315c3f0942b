import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ConfigError, loadConfig } from "../src/config.ts";
import { environment } from "./helpers.ts";

const secrets = mkdtempSync(join(tmpdir(), "grocery-secrets-"));
afterAll(() => rmSync(secrets, { recursive: true }));

const load = (changes: Record<string, string>) => loadConfig({ ...environment, ...changes }, secrets);

describe("settings", () => {
  it("reads a secret from its file when the environment does not name it, without the newline", () => {
    writeFileSync(join(secrets, "JWT_ACCESS_SECRET_PREVIOUS"), `${"p".repeat(40)}\n`);
    expect(load({}).JWT_ACCESS_SECRET_PREVIOUS).toBe("p".repeat(40));
    expect(load({ JWT_ACCESS_SECRET_PREVIOUS: "e".repeat(40) }).JWT_ACCESS_SECRET_PREVIOUS).toBe("e".repeat(40));
  });

  it("names every fault at once and no value", () => {
    const wrong = { DB_HOST: "", DB_PORT: "many", JWT_ACCESS_SECRET: "too-short", PGSSLMODE: "require" };
    expect(() => load(wrong)).toThrow(ConfigError);
    expect(() => load(wrong)).toThrow(/DB_HOST: is missing.*DB_PORT.*PGSSLMODE.*JWT_ACCESS_SECRET: expected at least 32/);
    expect(() => load(wrong), "a wrong secret is still a secret").not.toThrow(/too-short/);
  });

  it("reads durations in seconds, minutes, hours and days", () => {
    expect(load({ JWT_ACCESS_EXPIRY: "15m" }).JWT_ACCESS_EXPIRY).toBe(900);
    expect(load({ JWT_REFRESH_EXPIRY: "7d" }).JWT_REFRESH_EXPIRY).toBe(604_800);
    expect(load({ JWT_ACCESS_EXPIRY: "90" }).JWT_ACCESS_EXPIRY).toBe(90);
    expect(() => load({ JWT_ACCESS_EXPIRY: "soon" })).toThrow(/JWT_ACCESS_EXPIRY: expected a duration/);
  });

  it("refuses to start without knowing the page's origin", () => {
    expect(() => load({ CORS_ORIGIN: "" })).toThrow(/CORS_ORIGIN/);
    expect(load({ CORS_ORIGIN: "", FRONTEND_URL: "https://a.test/path" }).allowedOrigins).toEqual(
      new Set(["https://a.test"]),
    );
  });
});
