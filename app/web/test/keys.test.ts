import { describe, expect, test } from "vitest";
import { bytesOf, deviceLabel, sameBytes } from "../src/keys.ts";

test("a key is read from the letters a URL allows", () => {
  expect([...bytesOf("-_-_AQ")]).toEqual([0xfb, 0xff, 0xbf, 0x01]);
});

test("keys are the same when every byte is", () => {
  const key = bytesOf("AQID");
  expect(sameBytes(new Uint8Array([1, 2, 3]).buffer, key)).toBe(true);
  expect(sameBytes(new Uint8Array([1, 2, 4]).buffer, key)).toBe(false);
  expect(sameBytes(new Uint8Array([1, 2]).buffer, key)).toBe(false);
  expect(sameBytes(null, key)).toBe(false);
});

describe("a device's name", () => {
  test.each([
    ["Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"],
    [
      "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0",
      "Edge on Windows",
    ],
    ["Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"],
    [
      "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 Version/17.5 Mobile Safari/604.1",
      "Safari on iPhone",
    ],
    ["curl/8.5.0", "A browser"],
  ])("tells browser and system apart: %s", (agent, label) => {
    expect(deviceLabel(agent)).toBe(label);
  });
});
