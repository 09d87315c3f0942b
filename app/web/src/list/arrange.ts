import { categories } from "@grocery/schema/categories";
import type { Item } from "./item.ts";
import { grouped } from "./words.ts";

export type Order = "automatic" | "manual";
/** Items under one heading. `key` is their category, "" where there is none; `label` is "" where no heading is needed. */
export type Group = { readonly key: string; readonly label: string; readonly items: readonly Item[] };
export type Arranged = { readonly wanted: readonly Group[]; readonly basket: readonly Item[] };

const RANKS = new Map<string, number>(categories.map(({ key }, rank) => [key, rank]));
const LABELS = new Map<string, string>(categories.map(({ key, label }) => [key, label]));

/** A category that a later release made up is shown with what nobody has sorted. */
const known = (category: string) => (RANKS.has(category) ? category : "");

export const labelOf = (category: string): string => LABELS.get(category) ?? "Not sorted yet";

const byAge = (a: Item, b: Item) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);

/** The order made by hand. Items without a position are behind the others, oldest first. */
function byHand(a: Item, b: Item): number {
  if (a.position === b.position) return byAge(a, b);
  if (a.position === "" || b.position === "") return a.position === "" ? 1 : -1;
  return a.position < b.position ? -1 : 1;
}

/** What went into the basket last is on top, where a slip of the thumb is undone. */
const byChecking = (a: Item, b: Item) => (b.checkedAt ?? 0) - (a.checkedAt ?? 0) || byAge(a, b);

/** What is still to buy, the way a shop is walked through or by hand, and what is in the basket. */
export function arrange(items: readonly Item[], order: Order): Arranged {
  const open = items.filter((item) => !item.checked);
  const basket = items.filter((item) => item.checked).sort(byChecking);
  if (order === "manual") {
    const wanted = open.length === 0 ? [] : [{ key: "", label: "", items: open.sort(byHand) }];
    return { wanted, basket };
  }
  const found = grouped(open.sort(byAge), (item) => known(item.category));
  const rank = (key: string) => RANKS.get(key) ?? RANKS.size;
  const keys = [...found.keys()].sort((a, b) => rank(a) - rank(b));
  // A list on which nothing is sorted is no better for a heading that says so.
  const plain = keys.length === 1 && keys[0] === "";
  const wanted = keys.map((key) => ({ key, label: plain ? "" : labelOf(key), items: found.get(key) ?? [] }));
  return { wanted, basket };
}

/** The ids in the order in which they are on the screen. */
export const shown = ({ wanted, basket }: Arranged): readonly string[] =>
  [...wanted.flatMap((group) => group.items), ...basket].map((item) => item.id);

/**
 * Who is focused next when the item that has the focus leaves its place: the one that follows it there, or the one
 * before it. Undefined when nothing of `before` is left in `now`.
 */
export function neighbour(before: readonly string[], now: readonly string[], left: string): string | undefined {
  const at = before.indexOf(left);
  const remaining = new Set(now);
  remaining.delete(left);
  return (
    before.slice(at + 1).find((id) => remaining.has(id)) ??
    before.slice(0, Math.max(at, 0)).findLast((id) => remaining.has(id))
  );
}
