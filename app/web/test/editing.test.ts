import { describe, expect, it } from "vitest";
import { catchUp, spoken, tellMeanwhile } from "../src/list/editing.ts";
import { draftOf } from "../src/list/item.ts";
import { item } from "./items.ts";

const base = draftOf(item({ name: "Milk", quantity: "1", unit: "l", category: "dairy" }));

describe("somebody else changes an item that is being edited", () => {
  it("and their change comes into a field that nobody touched here", () => {
    const draft = { ...base, name: "Oat milk" };
    const now = { ...base, quantity: "3" };
    const found = catchUp(base, draft, now);
    expect(found).toEqual({ draft: { ...base, name: "Oat milk", quantity: "3" }, taken: ["quantity"], contested: [] });
    expect(tellMeanwhile(found.taken, found.contested, now)).toBe(
      "Just changed by somebody else: quantity to “3”.",
    );
  });

  it("and what was typed here stays, and it says so", () => {
    const draft = { ...base, name: "Oat milk" };
    const now = { ...base, name: "Soy milk", category: "" };
    const found = catchUp(base, draft, now);
    expect(found.draft).toEqual({ ...base, name: "Oat milk", category: "" });
    expect(found.contested).toEqual(["name"]);
    expect(tellMeanwhile(found.taken, found.contested, now)).toBe(
      "Just changed by somebody else: category to “Not sorted yet”. " +
        "Somebody else changed the name to “Soy milk”; saving keeps yours.",
    );
  });

  it("to the very same, which is no news", () => {
    const both = { ...base, name: "Oat milk" };
    const found = catchUp(base, both, both);
    expect(found).toEqual({ draft: both, taken: [], contested: [] });
    expect(tellMeanwhile(found.taken, found.contested, both)).toBe("");
  });

  it("by taking something away", () => {
    const now = { ...base, quantity: "" };
    const found = catchUp(base, base, now);
    expect(found.draft.quantity).toBe("");
    expect(tellMeanwhile(found.taken, found.contested, now)).toContain("quantity to nothing");
  });
});

it("an item is spoken of with its amount", () => {
  expect(spoken(base)).toBe("1 l Milk");
  expect(spoken(item({ name: "Bread" }))).toBe("Bread");
});
