import { categories, guessCategory, limits } from "@grocery/schema";
import { describe, expect, it } from "vitest";

describe("a guessed category", () => {
  it.each([
    ["Apples", "produce"],
    ["cherry tomatoes", "produce"],
    ["Potatoes", "produce"],
    ["peas", "produce"],
    ["Sourdough bread", "bakery"],
    ["two loaves", "bakery"],
    ["MILK", "dairy"],
    ["Crème fraîche", "dairy"],
    ["free-range eggs", "dairy"],
    ["chicken breasts, boneless chicken", "meat"],
    ["smoked salmon", "fish"],
    ["hummus", "deli"],
    ["frozen peas", "frozen"],
    ["ice cream", "frozen"],
    ["rice", "pantry"],
    ["olive oil", "spices"],
    ["dark chocolate", "sweets"],
    ["Red wine", "drinks"],
    ["toilet cleaner", "household"],
    ["toilet paper", "hygiene"],
    ["nappies", "baby"],
    ["cat food (the dry one)", "pets"],
  ])("of %s is %s", (name, category) => {
    expect(guessCategory(name)).toBe(category);
  });

  it.each([
    ["butter", "dairy", "peanut butter", "pantry"],
    ["tomatoes", "produce", "tomato juice", "drinks"],
    ["milk", "dairy", "milk chocolate", "sweets"],
    ["chocolate", "sweets", "chocolate milk", "dairy"],
    ["water", "drinks", "watermelon", "produce"],
    ["ice", "frozen", "rice", "pantry"],
    ["dog food", "pets", "hot dogs", "meat"],
  ])("of %s is %s, and of %s it is %s", (one, first, other, second) => {
    expect([guessCategory(one), guessCategory(other)]).toEqual([first, second]);
  });

  it.each(["", "   ", "Klopapier", "xyz", "constructor", "__proto__", "🥕"])("of %j is none", (name) => {
    expect(guessCategory(name)).toBe("");
  });

  it("copes with the longest name there may be", () => {
    expect(guessCategory("s ".repeat(limits.itemName / 2))).toBe("");
  });
});

it("categories have keys of their own that fit the database", () => {
  const keys = categories.map(({ key }) => key);
  expect(new Set(keys).size).toBe(keys.length);
  for (const key of keys) expect(key.length).toBeLessThanOrEqual(limits.itemCategory);
});
