import { between } from "@grocery/schema/positions";

export type Placed = { readonly id: string; readonly position: string };

/** The position behind all of `items`, whatever their order. */
export const lastPosition = (items: readonly { readonly position: string }[]): string =>
  between(items.reduce((highest, { position }) => (position > highest ? position : highest), ""));

/**
 * What to write so that `moved` stands at `index` of `items`, which are in the order shown. Mostly that is one row;
 * items that have no position yet, or the same one as their neighbour, are given theirs on the way.
 */
export function planMove(items: readonly Placed[], moved: string, index: number): readonly Placed[] {
  const item = items.find((one) => one.id === moved);
  if (item === undefined) return [];
  const rest = items.filter((one) => one.id !== moved);
  const at = Math.max(0, Math.min(index, rest.length));
  if (items.indexOf(item) === at) return [];
  // Back to the nearest item that has a position, forth to the nearest one that is behind it.
  let from = at;
  while (from > 0 && rest[from - 1]?.position === "") from -= 1;
  const before = rest[from - 1]?.position ?? "";
  let to = at;
  while (to < rest.length && (rest[to]?.position ?? "") <= before) to += 1;
  const after = rest[to]?.position;
  const numbered: Placed[] = [];
  let previous = before;
  for (const one of [...rest.slice(from, at), item, ...rest.slice(at, to)]) {
    previous = between(previous, after);
    numbered.push({ id: one.id, position: previous });
  }
  // Those behind it that have no position stay at the end without one.
  const behind = rest.slice(at, to).findLastIndex((one) => one.position !== "") + 1;
  return numbered.slice(0, at - from + 1 + behind);
}
