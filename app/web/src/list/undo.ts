import { draftOf, FIELDS, type Draft, type Item } from "./item.ts";
import { count } from "./words.ts";

/** Something somebody did here that can be taken back. */
export type Deed =
  | { readonly kind: "removed"; readonly items: readonly Item[] }
  | { readonly kind: "cleared"; readonly items: readonly Item[] }
  | { readonly kind: "checked"; readonly id: string; readonly name: string; readonly checked: boolean }
  | { readonly kind: "edited"; readonly id: string; readonly before: Draft; readonly after: Draft };

/** What taking a deed back comes to now, after whatever others did since. */
export type Remedy =
  | { readonly kind: "restore"; readonly items: readonly Item[] }
  | { readonly kind: "check"; readonly id: string; readonly checked: boolean }
  | { readonly kind: "edit"; readonly id: string; readonly draft: Draft }
  | { readonly kind: "nothing"; readonly because: string };

const MOST = 50;

/** Deeds of one list, the latest last. */
export const remember = (deeds: readonly Deed[], deed: Deed): readonly Deed[] => [...deeds, deed].slice(-MOST);

const sentence = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

/** What was done, for the message that offers to undo it. */
export function tell(deed: Deed): string {
  switch (deed.kind) {
    case "removed":
      return sentence(`${deed.items[0]?.name ?? "item"} removed`);
    case "cleared":
      return `${count(deed.items.length, "item")} cleared`;
    case "checked":
      return sentence(deed.checked ? `${deed.name} in the basket` : `${deed.name} to buy again`);
    case "edited":
      return sentence(`${deed.after.name} changed`);
  }
}

/** How to take `deed` back without undoing what others did since; `items` is what is on the list now. */
export function remedy(deed: Deed, items: readonly Item[]): Remedy {
  const nothing = (because: string): Remedy => ({ kind: "nothing", because });
  if (deed.kind === "removed" || deed.kind === "cleared") {
    const there = new Set(items.map((item) => item.id));
    const missing = deed.items.filter((item) => !there.has(item.id));
    return missing.length > 0 ? { kind: "restore", items: missing } : nothing("It is back already.");
  }
  const item = items.find((one) => one.id === deed.id);
  if (item === undefined) return nothing("It has been removed since.");
  if (deed.kind === "checked")
    return item.checked === deed.checked
      ? { kind: "check", id: deed.id, checked: !deed.checked }
      : nothing("Somebody else has done so already.");
  const mine = FIELDS.filter((field) => deed.before[field] !== deed.after[field] && item[field] === deed.after[field]);
  if (mine.length === 0) return nothing("Somebody else has changed it since.");
  const back = Object.fromEntries(mine.map((field) => [field, deed.before[field]]));
  return { kind: "edit", id: deed.id, draft: { ...draftOf(item), ...back } };
}
