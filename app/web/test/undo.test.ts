import { describe, expect, it } from "vitest";
import { draftOf } from "../src/list/item.ts";
import { remedy, remember, tell, type Deed } from "../src/list/undo.ts";
import { item } from "./items.ts";

const milk = item({ name: "Milk", quantity: "1", unit: "l" });
const bread = item({ name: "Bread" });

describe("taking back", () => {
  it("a removal brings back what is missing, and only that", () => {
    const deed: Deed = { kind: "cleared", items: [milk, bread] };
    expect(remedy(deed, [])).toEqual({ kind: "restore", items: [milk, bread] });
    expect(remedy(deed, [bread])).toEqual({ kind: "restore", items: [milk] });
    expect(remedy(deed, [bread, milk]).kind).toBe("nothing");
  });

  it("a tick takes the tick away, unless somebody else did or the item is gone", () => {
    const deed: Deed = { kind: "checked", id: milk.id, name: milk.name, checked: true };
    expect(remedy(deed, [{ ...milk, checked: true }])).toEqual({ kind: "check", id: milk.id, checked: false });
    expect(remedy(deed, [milk])).toEqual({ kind: "nothing", because: "Somebody else has done so already." });
    expect(remedy(deed, [bread])).toEqual({ kind: "nothing", because: "It has been removed since." });
  });

  it("an edit leaves alone what others changed since", () => {
    const before = draftOf(milk);
    const deed: Deed = { kind: "edited", id: milk.id, before, after: { ...before, name: "Oat milk", quantity: "2" } };
    expect(remedy(deed, [{ ...milk, name: "Oat milk", quantity: "2", note: "by Ben" }])).toEqual({
      kind: "edit",
      id: milk.id,
      draft: { ...before, note: "by Ben" },
    });
    expect(remedy(deed, [{ ...milk, name: "Oat milk", quantity: "9" }])).toEqual({
      kind: "edit",
      id: milk.id,
      draft: { ...before, quantity: "9" },
    });
    expect(remedy(deed, [{ ...milk, name: "Rice milk", quantity: "9" }])).toEqual({
      kind: "nothing",
      because: "Somebody else has changed it since.",
    });
  });
});

it("what was done is told in a few words", () => {
  expect(tell({ kind: "removed", items: [milk] })).toBe("Milk removed");
  expect(tell({ kind: "cleared", items: [milk] })).toBe("1 item cleared");
  expect(tell({ kind: "cleared", items: [milk, bread] })).toBe("2 items cleared");
  expect(tell({ kind: "checked", id: "x", name: "milk", checked: false })).toBe("Milk to buy again");
});

it("only so many deeds are remembered, the latest ones", () => {
  let deeds: readonly Deed[] = [];
  for (let round = 0; round < 200; round += 1)
    deeds = remember(deeds, { kind: "checked", id: String(round), name: "", checked: true });
  expect(deeds.length).toBeLessThan(100);
  expect(deeds.at(-1)).toMatchObject({ id: "199" });
});
