import { between, evenly, limits } from "@grocery/schema";
import { describe, expect, it } from "vitest";

const valid = /^[0-9A-Za-z]*[1-9A-Za-z]$/;

/** The same numbers from 0 to below 1 in every run. */
function* numbers(): Generator<number, never> {
  for (let state = 1; ; ) {
    state = (state * 48_271) % 2_147_483_647;
    yield state / 2_147_483_647;
  }
}

describe("a position", () => {
  it("lies between its neighbours, wherever things are moved", () => {
    const random = numbers();
    const order: string[] = [];
    for (let turn = 0; turn < 2_000; turn += 1) {
      const index = Math.floor(random.next().value * (order.length + 1));
      const made = between(order[index - 1] ?? "", order[index]);
      expect(made).toMatch(valid);
      order.splice(index, 0, made);
    }
    expect(order).toEqual([...new Set(order)].sort());
  });

  it.each([
    ["the end", (order: string[]) => order.length],
    ["the beginning", () => 0],
    ["second place", () => 1],
  ])("stays short enough when everything goes to %s", (_where, place) => {
    const order = evenly(10);
    for (let turn = 0; turn < 300; turn += 1) {
      const index = place(order);
      order.splice(index, 0, between(order[index - 1] ?? "", order[index]));
    }
    expect(order).toEqual([...order].sort());
    expect(Math.max(...order.map((one) => one.length))).toBeLessThanOrEqual(limits.itemPosition);
  });

  it("lies behind the first of two that are the same or the wrong way round", () => {
    expect(between("V", "V") > "V").toBe(true);
    expect(between("k", "V") > "k").toBe(true);
  });

  it.each([0, 1, 2, 61, 62, 63, limits.itemsPerList])("is given to %d things at once, in their order", (count) => {
    const order = evenly(count);
    expect(order).toHaveLength(count);
    expect(order).toEqual([...new Set(order)].sort());
    for (const one of order) expect(one).toMatch(valid);
  });
});
