import { expect, test } from "vitest";
import { ApiError } from "../src/api.ts";
import { keyOf, reportOf } from "../src/errors.ts";

const ID = "3f2b6a52-9d5e-4b6e-8a55-0f1f3c1c9a10";

test("a report says nothing of who it is or what is on their lists", () => {
  const report = reportOf(new TypeError(`no item ${ID} for ada@example.com`), `/lists/${ID}`, "1");
  expect(report?.message).toBe("TypeError: no item :id for :email");
  expect(report?.where).toBe("/lists/:id");
  expect(JSON.stringify(report)).not.toContain(ID);
});

test("what is no fault of the program is not reported", () => {
  expect(reportOf(new ApiError(401, "The password is wrong."), "/", "1")).toBeUndefined();
  expect(reportOf(new TypeError("Failed to fetch"), "/", "1")).toBeUndefined();
  expect(reportOf("ResizeObserver loop completed with undelivered notifications.", "/", "1")).toBeUndefined();
});

test("one fault is one report, another place in the program another", () => {
  const fault = (line: string) =>
    Object.assign(new Error("broken"), { stack: `Error: broken\n    at ${line}\n    at x` });
  const key = (line: string, path: string) => {
    const report = reportOf(fault(line), path, "1");
    return report && keyOf(report);
  };
  expect(key("a.js:1", "/")).toBe(key("a.js:1", "/account"));
  expect(key("a.js:1", "/")).not.toBe(key("b.js:1", "/"));
});

test("a report stays small however long an error is", () => {
  const report = reportOf(Object.assign(new Error("x".repeat(1e5)), { stack: "y".repeat(1e6) }), "/", "1");
  expect(JSON.stringify(report).length).toBeLessThan(16_000);
});
