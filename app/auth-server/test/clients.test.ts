import { describe, expect, it } from "vitest";
import { addressKey } from "../src/addresses.ts";
import { clientName } from "../src/client-name.ts";
import { RateLimit } from "../src/rate-limit.ts";

describe("an address", () => {
  it.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::9", "2001:db8:1:2::/64"],
    ["2001:0db8:0001:0002:ffff::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["64:ff9b::192.0.2.7", "64:ff9b:0:0::/64"],
  ])("%s is counted as %s", (ip, key) => {
    expect(addressKey(ip)).toBe(key);
  });
});

describe("a rate limit", () => {
  it("counts each key for itself and starts afresh with the next window", () => {
    const limit = new RateLimit(1000, 2);
    expect([limit.take("a", 0), limit.take("a", 1), limit.take("b", 2)]).toEqual([undefined, undefined, undefined]);
    expect(limit.take("a", 500)).toBe(1);
    expect(limit.take("a", 1000)).toBeUndefined();
  });
});

describe("a client's name", () => {
  const WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)";
  it.each([
    ["Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"],
    ["Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "Chrome on Windows"],
    ["Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0", "Edge on Windows"],
    [`Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${WEBKIT} Version/18.0 Mobile/15E148 Safari/604.1`, "Safari on iPhone"],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${WEBKIT} Version/18.0 Safari/605.1.15`, "Safari on Mac"],
    ["Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36", "Chrome on Android"],
    ["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/140.0.0.0 Safari/537.36", "Chrome on Linux"],
    ["curl/8.0", ""],
    ["<script>alert(1)</script>", ""],
  ])("of %s is %s", (agent, name) => {
    expect(clientName(agent)).toBe(name);
  });

  it("of nothing is nothing", () => {
    expect(clientName(undefined)).toBe("");
  });
});
