import { limits } from "@grocery/schema/limits";
import { between } from "@grocery/schema/positions";
import { describe, expect, it } from "vitest";
import { lastPosition, planMove, type Placed } from "../src/list/moving.ts";

const placed = (...ids: readonly string[]): Placed[] => {
  let position = "";
  return ids.map((id) => ({ id, position: (position = between(position)) }));
};
const unplaced = (...ids: readonly string[]): Placed[] => ids.map((id) => ({ id, position: "" }));

/** The ids in the order shown once the planned rows are written; what has no position is at the end, as it was. */
function after(items: readonly Placed[], plan: readonly Placed[]): string {
  const positions = new Map(plan.map(({ id, position }) => [id, position]));
  const now = items.map(({ id, position }, index) => ({ id, index, position: positions.get(id) ?? position }));
  const rank = ({ position }: Placed) => (position === "" ? "~" : position);
  return now
    .sort((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : a.index - b.index))
    .map(({ id }) => id)
    .join("");
}

/** Numbers that are the same in every run. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

describe("the position behind all others", () => {
  it("is in order and short when hundreds of items are added one after the other", () => {
    const items: { position: string }[] = [];
    for (let count = 0; count < 1_000; count += 1) items.push({ position: lastPosition(items) });
    expect(items).toEqual([...items].sort((a, b) => (a.position < b.position ? -1 : 1)));
    expect(Math.max(...items.map(({ position }) => position.length))).toBeLessThan(limits.itemPosition / 2);
  });
});

describe("moving an item", () => {
  const items = placed("a", "b", "c", "d");

  it.each([
    ["up", "d", 1, "adbc"],
    ["down", "a", 2, "bcad"],
    ["to the top", "c", 0, "cabd"],
    ["to the end", "b", 3, "acdb"],
  ])("%s writes one row", (_, id, index, order) => {
    const plan = planMove(items, id, index);
    expect(plan.map((row) => row.id)).toEqual([id]);
    expect(after(items, plan)).toBe(order);
  });

  it("to where it is, or of one that is gone, writes nothing", () => {
    expect(planMove(items, "b", 1)).toEqual([]);
    expect(planMove(items, "x", 1)).toEqual([]);
  });

  it("gives those before it a position that have none yet, and leaves those behind it", () => {
    const fresh = unplaced("a", "b", "c", "d");
    const plan = planMove(fresh, "d", 1);
    expect(plan.map((row) => row.id)).toEqual(["a", "d"]);
    expect(after(fresh, plan)).toBe("adbc");
  });

  it("to the end of items without a position gives all of them one", () => {
    const fresh = unplaced("a", "b", "c");
    expect(after(fresh, planMove(fresh, "a", 2))).toBe("bca");
  });

  it("between two of the same position tells them apart", () => {
    const twins = [...placed("a", "b"), ...placed("a", "b").map(({ position }) => ({ id: "c", position })).slice(1)];
    expect(after(twins, planMove(twins, "a", 1))).toBe("bac");
  });

  it("always ends in the order asked for", () => {
    const pick = chance(11);
    let now = [...placed("a", "b", "c"), ...unplaced("d", "e", "f", "g")];
    for (let round = 0; round < 300; round += 1) {
      const moved = now[pick(now.length)]?.id ?? "";
      const index = pick(now.length);
      const plan = planMove(now, moved, index);
      const expected = now.filter(({ id }) => id !== moved);
      expected.splice(index, 0, ...now.filter(({ id }) => id === moved));
      expect(after(now, plan)).toBe(expected.map(({ id }) => id).join(""));
      const written = new Map(plan.map((row) => [row.id, row.position]));
      now = expected.map(({ id, position }) => ({ id, position: written.get(id) ?? position }));
    }
  });
});
