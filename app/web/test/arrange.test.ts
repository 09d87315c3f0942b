import { describe, expect, it } from "vitest";
import { arrange, neighbour, shown } from "../src/list/arrange.ts";
import { item, names } from "./items.ts";

describe("the automatic order", () => {
  it("follows the way through a shop, and the age of items within one part of it", () => {
    const soap = item({ name: "Soap", category: "hygiene" });
    const milk = item({ name: "Milk", category: "dairy" });
    const apples = item({ name: "Apples", category: "produce" });
    const butter = item({ name: "Butter", category: "dairy" });
    const { wanted } = arrange([butter, soap, milk, apples], "automatic");
    expect(wanted.map(({ key, items }) => `${key}: ${names(items)}`)).toEqual([
      "produce: Apples",
      "dairy: Milk Butter",
      "hygiene: Soap",
    ]);
    expect(wanted.every(({ label }) => label !== "")).toBe(true);
  });

  it("puts last what nobody has sorted, along with categories it does not know", () => {
    const thing = item({ name: "Thing" });
    const future = item({ name: "Future", category: "robots" });
    const tea = item({ name: "Tea", category: "drinks" });
    const { wanted } = arrange([thing, future, tea], "automatic");
    expect(wanted.map(({ key, items }) => `${key}: ${names(items)}`)).toEqual(["drinks: Tea", ": Thing Future"]);
  });

  it("needs no heading on a list on which nothing is sorted", () => {
    const { wanted } = arrange([item({ name: "One" }), item({ name: "Two" })], "automatic");
    expect(wanted.map(({ label }) => label)).toEqual([""]);
  });
});

describe("the order by hand", () => {
  it("goes by position, then by age for what has none", () => {
    const late = item({ name: "Late", category: "produce" });
    const first = item({ name: "First", position: "B", category: "hygiene" });
    const later = item({ name: "Later" });
    const upper = item({ name: "Upper", position: "Z" });
    const lower = item({ name: "Lower", position: "a" });
    const { wanted } = arrange([later, lower, late, upper, first], "manual");
    expect(wanted.map(({ items }) => names(items))).toEqual(["First Upper Lower Late Later"]);
  });
});

describe("the basket", () => {
  it("has the latest on top in either order", () => {
    const items = [
      item({ name: "First", checked: true, checkedAt: 10, position: "A" }),
      item({ name: "Second", checked: true, checkedAt: 20, position: "B" }),
      item({ name: "Old", checked: true }),
      item({ name: "Wanted" }),
    ];
    for (const order of ["automatic", "manual"] as const) {
      const arranged = arrange(items, order);
      expect(names(arranged.basket)).toBe("Second First Old");
      expect(arranged.wanted.map((group) => names(group.items))).toEqual(["Wanted"]);
    }
  });
});

describe("the focus", () => {
  const before = ["a", "b", "c", "d"];
  it("goes to the item that follows the one that left", () => expect(neighbour(before, ["a", "c", "d"], "b")).toBe("c"));
  it("skips those that left with it", () => expect(neighbour(before, ["a", "d"], "b")).toBe("d"));
  it("goes back from the last one", () => expect(neighbour(before, ["a", "b", "c"], "d")).toBe("c"));
  it("goes on when the item only moved", () => expect(neighbour(before, ["a", "c", "d", "b"], "b")).toBe("c"));
  it("has nowhere to go on an empty list", () => expect(neighbour(before, [], "b")).toBeUndefined());

  it("moves in the order of the screen", () => {
    const tea = item({ name: "Tea", category: "drinks" });
    const kiwi = item({ name: "Kiwi", category: "produce" });
    const soap = item({ name: "Soap", checked: true });
    expect(shown(arrange([soap, tea, kiwi], "automatic"))).toEqual(["kiwi-id", "tea-id", "soap-id"]);
  });
});
