import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ConfigError } from "../../common/settings.ts";
import { loadConfig, parseHeaders } from "../src/config.ts";

let secrets: string;
beforeAll(() => {
  secrets = mkdtempSync(join(tmpdir(), "collector-"));
  writeFileSync(join(secrets, "OTLP_HEADERS"), "authorization=Bearer%20abc,x-team=shop\n");
});
afterAll(() => rmSync(secrets, { recursive: true }));

describe("settings", () => {
  it("need a stack and nothing else", () => {
    const config = loadConfig({ STACK: "shop" }, "/nowhere");
    expect(config.dockerUrl.href).toBe("http://docker-filter:2375/");
    expect(config).toMatchObject({ stack: "shop", metricsPort: 9400, otlpPort: 4318, logShipping: undefined });
    expect(() => loadConfig({}, "/nowhere")).toThrow(/^STACK: is missing/);
  });

  it.each([
    [{ DOCKER_URL: "tcp://engine:2375" }, /^DOCKER_URL: expected/],
    [{ METRICS_PORT: "70000" }, /^METRICS_PORT: expected/],
    [{ LOG_SHIPPING_ENDPOINT: "logs.example.org" }, /^LOG_SHIPPING_ENDPOINT: expected/],
  ])("%j are refused by name", (wrong, words) => {
    expect(() => loadConfig({ STACK: "shop", ...wrong }, "/nowhere")).toThrow(words);
  });

  it("take the headers for shipped logs from a secret", () => {
    const config = loadConfig({ STACK: "shop", LOG_SHIPPING_ENDPOINT: "https://logs.example.org/otlp" }, secrets);
    expect(config.logShipping?.headers).toEqual({ authorization: "Bearer abc", "x-team": "shop" });
  });

  it.each(["no-value", "a=%ZZ", "a=b%0d%0ac", "na me=x"])("do not repeat headers that are wrong: %j", (text) => {
    let thrown: unknown;
    try {
      parseHeaders(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ConfigError);
    expect(String(thrown)).not.toContain(text);
  });
});
