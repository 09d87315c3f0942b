import { describe, expect, test } from "vitest";
import { keepsWrites, NOTED_AFTER_MS, noteOf, patienceOf, WRITE_PATIENCE_MS } from "../src/connection.ts";

const MINUTE = 60_000;

describe("a missing connection", () => {
  test("is not worth a word while it is short", () => {
    expect(noteOf("connecting", NOTED_AFTER_MS - 1)).toBeUndefined();
    expect(noteOf("needs-auth", 0)).toBeUndefined();
  });

  test("is told of, with changes still kept, as long as Zero keeps them", () => {
    expect(noteOf("connecting", NOTED_AFTER_MS)).toEqual({ writable: true });
    expect(noteOf("needs-auth", MINUTE)).toEqual({ writable: true });
  });

  test("is told of as the end of changing anything once Zero refuses", () => {
    expect(noteOf("disconnected", MINUTE)).toEqual({ writable: false });
    expect(noteOf("closed", MINUTE)).toEqual({ writable: false });
  });

  test("is told of at once when the device has no network, even before the connection is given up", () => {
    expect(noteOf("connected", 0, false)).toEqual({ writable: true });
    expect(noteOf("connecting", 0, false)).toEqual({ writable: true });
  });

  test("is nothing to tell of when there is one", () => {
    expect(noteOf("connected", MINUTE)).toBeUndefined();
  });
});

describe("changes", () => {
  test("wait for a server in trouble, for a while", () => {
    expect(keepsWrites("error", WRITE_PATIENCE_MS - 1)).toBe(true);
    expect(keepsWrites("error", WRITE_PATIENCE_MS)).toBe(false);
  });

  test("wait less where the connection is known to be gone than where the server is in trouble", () => {
    expect(patienceOf("disconnected")).toBeLessThan(patienceOf("error"));
  });
});
