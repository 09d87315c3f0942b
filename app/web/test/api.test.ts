import { afterEach, expect, test, vi } from "vitest";
import { ask, refusal } from "../src/api.ts";

afterEach(() => void vi.unstubAllGlobals());

/** A network that loses the first request. */
function loseOne() {
  const fetch = vi.fn().mockRejectedValueOnce(new TypeError("Failed to fetch")).mockResolvedValue(new Response());
  vi.stubGlobal("fetch", fetch);
  vi.stubGlobal("navigator", { onLine: true });
  return fetch;
}

test.each(["/api/auth/login", "/api/auth/refresh", "/api/auth/logout"])("what got lost to %s is sent again", async (path) => {
  const fetch = loseOne();
  expect((await ask("POST", path)).ok).toBe(true);
  expect(fetch).toHaveBeenCalledTimes(2);
});

test("what would be done twice is not sent again", async () => {
  const fetch = loseOne();
  await expect(ask("POST", "/api/auth/register")).rejects.toThrow("cannot be reached");
  expect(fetch).toHaveBeenCalledTimes(1);
});

test("the server's own words are what a person reads", () => {
  const error = refusal(403, { error: { code: "wrong_password", message: "The password is wrong." } });
  expect(error).toMatchObject({ status: 403, code: "wrong_password", message: "The password is wrong." });
});

test("whatever else answers in its place is put in words too", () => {
  expect(refusal(502, undefined).message).toContain("cannot be reached");
  expect(refusal(503, { error: "oops" }).message).toContain("cannot be reached");
  expect(refusal(429, undefined).message).toContain("Too many attempts");
});
