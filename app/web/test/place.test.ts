import { expect, test } from "vitest";
import { placeOf } from "../src/place.ts";

const ID = "3f2b6a52-9d5e-4b6e-8a55-0f1f3c1c9a10";

test("an address names a list, a page, or else the lists", () => {
  expect(placeOf(`/lists/${ID}`)).toEqual({ page: "list", id: ID });
  expect(placeOf(`/lists/${ID}/`)).toEqual({ page: "list", id: ID });
  expect(placeOf("/account")).toEqual({ page: "account" });
  expect(placeOf("/reset/")).toEqual({ page: "reset" });
  expect(placeOf("/")).toEqual({ page: "lists" });
});

test("an address that only resembles one of ours shows the lists", () => {
  for (const path of ["/lists/", "/lists/1", `/lists/${ID}/more`, "/accounts", "/verify/token", "//account"])
    expect(placeOf(path), path).toEqual({ page: "lists" });
});
