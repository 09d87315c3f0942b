import { expect, test } from "vitest";
import { refusal } from "../src/api.ts";

test("the server's own words are what a person reads", () => {
  const error = refusal(403, { error: { code: "wrong_password", message: "The password is wrong." } });
  expect(error).toMatchObject({ status: 403, code: "wrong_password", message: "The password is wrong." });
});

test("whatever else answers in its place is put in words too", () => {
  expect(refusal(502, undefined).message).toContain("cannot be reached");
  expect(refusal(503, { error: "oops" }).message).toContain("cannot be reached");
  expect(refusal(429, undefined).message).toContain("Too many attempts");
});
