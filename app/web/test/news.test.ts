import { describe, expect, it } from "vitest";
import { news } from "../src/list/news.ts";
import { count, fits, listed } from "../src/list/words.ts";
import { item } from "./items.ts";

const nothing = new Set<string>();
const milk = item({ name: "Milk", quantity: "2", unit: "l" });
const bread = item({ name: "Bread" });
const soap = item({ name: "Soap", createdBy: "ben", creator: { name: "Ben" } });

describe("news of a list", () => {
  it("says who added what", () => {
    expect(news([], [milk, bread, soap], "me", nothing)).toEqual(["Ada added 2 l Milk and Bread", "Ben added Soap"]);
  });

  it("says who put what into the basket", () => {
    const checked = { ...milk, checked: true, checkedBy: "ben", checker: { name: "Ben" } };
    expect(news([milk, bread], [checked, bread], "me", nothing)).toEqual(["Ben has 2 l Milk in the basket"]);
  });

  it("says what went away", () => {
    expect(news([milk, bread], [bread], "me", nothing)).toEqual(["Milk removed by somebody else"]);
  });

  it("says nothing of what one did oneself", () => {
    const checked = { ...soap, checked: true, checkedBy: "ada" };
    expect(news([bread, soap], [checked, milk], "ada", new Set([bread.id]))).toEqual([]);
  });

  it("does not take an item that is on the screen again for a new one of somebody else's", () => {
    expect(news([], [soap], "ada", new Set([soap.id]))).toEqual([]);
  });
});

describe("words", () => {
  it("are listed as people say it", () => {
    expect(listed([])).toBe("");
    expect(listed(["Milk"])).toBe("Milk");
    expect(listed(["Milk", "Bread"])).toBe("Milk and Bread");
    expect(listed(["Milk", "Bread", "Soap"])).toBe("Milk, Bread and Soap");
    expect(listed(["Milk", "Bread", "Soap", "Tea"])).toBe("Milk, Bread and 2 more");
  });

  it("are found by their beginnings, without accents and in any case", () => {
    expect(fits("Crème fraîche", "creme")).toBe(true);
    expect(fits("Crème fraîche", "FRA cr")).toBe(true);
    expect(fits("Oat-milk (2 l)", "milk")).toBe(true);
    expect(fits("Buttermilk", "milk")).toBe(false);
    expect(fits("Anything", "  ")).toBe(true);
  });

  it("know one from many", () => {
    expect(count(1, "item")).toBe("1 item");
    expect(count(0, "item")).toBe("0 items");
  });
});
