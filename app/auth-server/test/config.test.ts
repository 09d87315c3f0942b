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

  it("sends mail where a server is named, with a password only where there is a name, and never that in the clear", () => {
    expect(load({}).email).toBeUndefined();
    const mail = { SMTP_HOST: "smtp.example.org", EMAIL_FROM: "Us <us@example.org>" };
    expect(load(mail).email).toEqual({
      host: "smtp.example.org",
      port: 587,
      security: "starttls",
      credentials: undefined,
      from: "Us <us@example.org>",
    });
    expect(load({ ...mail, SMTP_USERNAME: "us", SMTP_PASSWORD: "it" }).email?.credentials).toEqual({ username: "us", password: "it" });
    expect(() => load({ ...mail, SMTP_USERNAME: "us" })).toThrow(/SMTP_PASSWORD: is missing/);
    expect(() => load({ ...mail, SMTP_USERNAME: "us", SMTP_PASSWORD: "it", SMTP_SECURITY: "none" })).toThrow(/SMTP_SECURITY/);
  });

  it("links to the page by CLIENT_URL, or by what else names its origin", () => {
    expect(load({}).pageOrigin).toBe(environment["CORS_ORIGIN"]);
    expect(load({ CLIENT_URL: "https://groceries.example.org/" }).pageOrigin).toBe("https://groceries.example.org");
  });

  it("takes an error tracker's address apart, and refuses what is none without repeating it", () => {
    expect(load({ ERROR_REPORTING_DSN: "https://key@errors.example.org/base/7" }).ERROR_REPORTING_DSN).toEqual({
      endpoint: "https://errors.example.org/base/api/7/envelope/",
      key: "key",
    });
    for (const wrong of ["https://errors.example.org/7", "https://key@errors.example.org/", "ftp://key@x/7", "nonsense-key"])
      expect(() => load({ ERROR_REPORTING_DSN: wrong })).toThrow(/^ERROR_REPORTING_DSN: expected a DSN such as https:\/\/key@errors/);
  });

  it("pushes to named services only, and not at all without a key pair", () => {
    expect(load({}).push).toBeUndefined();
    const keys = { VAPID_PUBLIC_KEY: "p".repeat(87), VAPID_PRIVATE_KEY: "s".repeat(43), VAPID_SUBJECT: "mailto:us@example.org" };
    expect(load(keys).push?.services).toContainEqual({ suffix: ".push.apple.com" });
    expect(load({ ...keys, PUSH_SERVICES: "http://172.18.0.1:8000, https://*.push.test" }).push?.services).toEqual([
      { origin: "http://172.18.0.1:8000" },
      { suffix: ".push.test" },
    ]);
    for (const wrong of ["http://*.push.test", "https://push.test/path", "push.test", "https://*"])
      expect(() => load({ ...keys, PUSH_SERVICES: wrong }), wrong).toThrow(/PUSH_SERVICES/);
  });
});
