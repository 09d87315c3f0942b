import { describe, expect, it } from "vitest";
import { amountOf, parseAmount, parseEntry } from "../src/list/entry.ts";

describe("one line is taken apart", () => {
  it.each([
    ["2 kg apples", "apples", "2", "kg"],
    ["2kg apples", "apples", "2", "kg"],
    ["  500 g   brown  sugar ", "brown sugar", "500", "g"],
    ["1.5 l milk", "milk", "1.5", "l"],
    ["1,5 litres milk", "milk", "1,5", "l"],
    ["½ l cream", "cream", "½", "l"],
    ["1/2 l cream", "cream", "1/2", "l"],
    ["1 ½ cups flour", "flour", "1 ½", "cup"],
    ["2-3 lemons", "lemons", "2-3", ""],
    ["6 eggs", "eggs", "6", ""],
    ["6x eggs", "eggs", "6", ""],
    ["6 x eggs", "eggs", "6", ""],
    ["3 Bottles of Red wine", "Red wine", "3", "bottle"],
    ["a bunch of parsley", "parsley", "1", "bunch"],
    ["2 tins of chopped tomatoes", "chopped tomatoes", "2", "tin"],
    ["2 dozen eggs", "eggs", "2", "dozen"],
    ["apples 2 kg", "apples", "2", "kg"],
    ["flour, 500g", "flour", "500", "g"],
    ["milk x2", "milk", "2", ""],
    ["milk 2x", "milk", "2", ""],
    ["2 lbs. potatoes", "potatoes", "2", "lb"],
    ["1 kg crème fraîche", "crème fraîche", "1", "kg"],
  ])("%s", (line, name, quantity, unit) => {
    expect(parseEntry(line)).toEqual({ name, quantity, unit });
  });

  it.each(["apples", "7up", "2% milk", "Item 12", "Windows 11", "2 kg", "12", "E45 cream", "3.14", "a lot of bananas", "Ümlaut", "x", "", "5-a-day"])(
    "%j is a name and nothing else",
    (line) => {
      expect(parseEntry(line)).toEqual({ name: line, quantity: "", unit: "" });
    },
  );

  it("loses nothing that was typed", () => {
    for (const line of ["4 big 2 l bottles", "1 2 3 soap", "10 kg"]) {
      const { name, quantity, unit } = parseEntry(line);
      for (const word of line.split(" ")) expect(`${quantity} ${unit} ${name}s`).toContain(word.replace(/s$/, ""));
    }
  });
});

describe("an amount by itself", () => {
  it.each([
    ["2 l", "2", "l"],
    ["500g", "500", "g"],
    ["3 cartons", "3", "carton"],
    ["2", "2", ""],
    ["a few", "a few", ""],
    ["2 big ones", "2 big ones", ""],
    ["", "", ""],
  ])("%j", (text, quantity, unit) => {
    expect(parseAmount(text)).toEqual({ quantity, unit });
  });

  it("is shown without gaps for what is missing", () => {
    expect(amountOf({ quantity: "2", unit: "kg" })).toBe("2 kg");
    expect(amountOf({ quantity: "2", unit: "" })).toBe("2");
    expect(amountOf({ quantity: "", unit: "kg" })).toBe("kg");
    expect(amountOf({ quantity: "", unit: "" })).toBe("");
  });

  it.each([
    ["3", "carton", "3 cartons"],
    ["1", "carton", "1 carton"],
    ["½", "carton", "½ carton"],
    ["1/2", "carton", "1/2 carton"],
    ["2-3", "bunch", "2-3 bunches"],
    ["2", "box", "2 boxes"],
    ["2", "loaf", "2 loaves"],
    ["2", "dozen", "2 dozen"],
    ["2", "tbsp", "2 tbsp"],
    ["2", "Bund", "2 Bund"],
  ])("%s of %s is %s", (quantity, unit, text) => {
    expect(amountOf({ quantity, unit })).toBe(text);
  });
});
