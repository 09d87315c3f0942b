/** What somebody types into one line, taken apart: "2 kg apples" is 2, kg and apples. */

export type Entry = { readonly name: string; readonly quantity: string; readonly unit: string };

/** Every spelling that is understood, by the one that is stored. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  kg: ["kilo", "kilos", "kilogram", "kilograms"],
  g: ["gr", "gram", "grams"],
  l: ["litre", "litres", "liter", "liters"],
  dl: [],
  cl: [],
  ml: [],
  lb: ["lbs", "pound", "pounds"],
  oz: ["ounce", "ounces"],
  pint: ["pints"],
  gallon: ["gallons", "gal"],
  cup: ["cups"],
  tbsp: [],
  tsp: [],
  pack: ["packs", "packet", "packets", "pkg"],
  bag: ["bags"],
  box: ["boxes"],
  bottle: ["bottles"],
  can: ["cans"],
  tin: ["tins"],
  jar: ["jars"],
  carton: ["cartons"],
  tub: ["tubs"],
  tube: ["tubes"],
  bunch: ["bunches"],
  head: ["heads"],
  loaf: ["loaves"],
  slice: ["slices"],
  piece: ["pieces", "pc", "pcs"],
  roll: ["rolls"],
  bar: ["bars"],
  crate: ["crates"],
  dozen: [],
};

const UNITS = new Map(
  Object.entries(SPELLINGS).flatMap(([unit, others]) => [unit, ...others].map((word) => [word, unit] as const)),
);

/** The units to choose from where one is typed by itself. */
export const KNOWN_UNITS: readonly string[] = Object.keys(SPELLINGS);

const NUMBER = String.raw`(?:\d+\s*[½¼¾]|[½¼¾⅓⅔]|\d+\s*/\s*\d+|\d+(?:[.,]\d+)?(?:\s*[-–]\s*\d+(?:[.,]\d+)?)?)`;
const WORD = String.raw`\p{L}+\.?`;
const LEADING = new RegExp(`^(${NUMBER})(?:\\s*(?:x|×)(?=\\s)|\\s*(${WORD})(?=\\s|$))?\\s*(?:of\\s+)?(.*)$`, "iu");
const LEADING_WORD = new RegExp(`^(?:an?|one)\\s+(${WORD})\\s+of\\s+(.+)$`, "iu");
const TRAILING = new RegExp(`^(.+?),?\\s+(${NUMBER})\\s*(${WORD})$`, "iu");
const TIMES = new RegExp(`^(.+?),?\\s+(?:(?:x|×)\\s*(${NUMBER})|(${NUMBER})\\s*(?:x|×))$`, "iu");

const unitOf = (word: string | undefined): string | undefined => UNITS.get((word ?? "").replace(/\.$/, "").toLowerCase());
const tidy = (text: string) => text.trim().replace(/\s+/g, " ");

/** Takes one line apart. Whatever is not clearly an amount stays in the name: "7up", "2% milk", "Item 12". */
export function parseEntry(line: string): Entry {
  const text = tidy(line);
  return leading(text) ?? trailing(text) ?? { name: text, quantity: "", unit: "" };
}

function leading(text: string): Entry | undefined {
  const counted = LEADING_WORD.exec(text);
  const one = unitOf(counted?.[1]);
  if (counted?.[2] && one !== undefined) return { name: counted[2], quantity: "1", unit: one };

  const found = LEADING.exec(text);
  const quantity = found?.[1];
  if (found === null || quantity === undefined) return undefined;
  const [, , word, rest = ""] = found;
  const unit = unitOf(word);
  if (unit !== undefined) return rest === "" ? undefined : { name: rest, quantity: tidy(quantity), unit };
  // Without a unit a space must end the number, or it is part of a word.
  const after = text.slice(quantity.length);
  const times = /^\s*[x×]\s+(.+)$/iu.exec(after)?.[1];
  const name = times ?? /^\s+(?:of\s+)?(\p{L}.*)$/iu.exec(after)?.[1];
  return name === undefined ? undefined : { name, quantity: tidy(quantity), unit: "" };
}

function trailing(text: string): Entry | undefined {
  const measured = TRAILING.exec(text);
  const unit = unitOf(measured?.[3]);
  if (measured?.[1] && measured[2] && unit !== undefined)
    return { name: measured[1], quantity: tidy(measured[2]), unit };
  const times = TIMES.exec(text);
  const quantity = times?.[2] ?? times?.[3];
  if (times?.[1] && quantity) return { name: times[1], quantity: tidy(quantity), unit: "" };
  return undefined;
}

const AMOUNT = new RegExp(`^(${NUMBER})\\s*(${WORD})$`, "iu");

/** An amount typed by itself: "2 l" is 2 and l. What is not understood is all quantity, as it was typed. */
export function parseAmount(text: string): { readonly quantity: string; readonly unit: string } {
  const found = AMOUNT.exec(tidy(text));
  const unit = unitOf(found?.[2]);
  return found?.[1] !== undefined && unit !== undefined
    ? { quantity: tidy(found[1]), unit }
    : { quantity: tidy(text), unit: "" };
}

function plural(unit: string): string {
  // Measures have none ("2 kg", "2 dozen"), and a unit of somebody's own is left as they wrote it.
  if (!UNITS.has(unit) || /^(..?|tbsp|tsp|dozen)$/.test(unit)) return unit;
  if (unit === "loaf") return "loaves";
  return /(ch|x)$/.test(unit) ? `${unit}es` : `${unit}s`;
}

/** How an amount is shown: "2 kg", "3 cartons", "a few", or nothing. */
export function amountOf({ quantity, unit }: { readonly quantity: string; readonly unit: string }): string {
  const one = quantity === "" || /^(1|[½¼¾⅓⅔]|\d+\s*\/\s*\d+|0[.,]\d+)$/.test(quantity);
  return [quantity, one ? unit : plural(unit)].filter((part) => part !== "").join(" ");
}
