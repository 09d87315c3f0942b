import { amountOf } from "./entry.ts";
import { labelOf } from "./arrange.ts";
import { FIELDS, type Draft, type Field } from "./item.ts";

/** What others did to an item while somebody edits it. */
export type Meanwhile = {
  /** The draft with their changes in the fields that are still as they were when editing began. */
  readonly draft: Draft;
  /** Taken over into the draft. */
  readonly taken: readonly Field[];
  /** Changed on both sides: the draft keeps what was typed here. */
  readonly contested: readonly Field[];
};

const differing = (a: Draft, b: Draft): readonly Field[] => FIELDS.filter((field) => a[field] !== b[field]);

/** Brings a draft that was begun from `base` in step with what the item is `now`. */
export function catchUp(base: Draft, draft: Draft, now: Draft): Meanwhile {
  const theirs = differing(base, now);
  const ours = differing(base, draft);
  const taken = theirs.filter((field) => !ours.includes(field) && draft[field] !== now[field]);
  const contested = theirs.filter((field) => ours.includes(field) && draft[field] !== now[field]);
  const next = Object.fromEntries(taken.map((field) => [field, now[field]]));
  return { draft: { ...draft, ...next }, taken, contested };
}

const WORDS: Record<Field, string> = {
  name: "name",
  quantity: "quantity",
  unit: "unit",
  category: "category",
  note: "note",
};

const shownAs = (field: Field, now: Draft): string => {
  const value = field === "category" ? labelOf(now.category) : now[field];
  return value === "" ? "nothing" : `“${value}”`;
};

/** Tells whoever edits what others changed and what saving will do; "" when there is nothing to tell. */
export function tellMeanwhile(taken: readonly Field[], contested: readonly Field[], now: Draft): string {
  const told = (fields: readonly Field[]) =>
    fields.map((field) => `${WORDS[field]} to ${shownAs(field, now)}`).join(" and ");
  const parts = [
    taken.length > 0 ? `Just changed by somebody else: ${told(taken)}.` : "",
    contested.length > 0 ? `Somebody else changed the ${told(contested)}; saving keeps yours.` : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

/** How an item is called where it is spoken of. */
export const spoken = (item: { readonly name: string; readonly quantity: string; readonly unit: string }): string => {
  const amount = amountOf(item);
  return amount === "" ? item.name : `${amount} ${item.name}`;
};
