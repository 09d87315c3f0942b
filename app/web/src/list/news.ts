import { spoken } from "./editing.ts";
import type { Item } from "./item.ts";
import { grouped, listed } from "./words.ts";

/** What others did between two looks at a list, in a sentence each; nothing that `me` did. */
export function news(before: readonly Item[], now: readonly Item[], me: string, mine: ReadonlySet<string>): readonly string[] {
  const known = new Map(before.map((item) => [item.id, item]));
  const there = new Set(now.map((item) => item.id));
  const added = now.filter((item) => !known.has(item.id) && item.createdBy !== me && !mine.has(item.id));
  const checked = now.filter((item) => item.checked && known.get(item.id)?.checked === false && item.checkedBy !== me);
  const removed = before.filter((item) => !there.has(item.id) && !mine.has(item.id));
  return [
    ...byWhom(added, (item) => item.creator?.name, (who, what) => `${who} added ${what}`),
    ...byWhom(checked, (item) => item.checker?.name, (who, what) => `${who} has ${what} in the basket`),
    ...(removed.length > 0 ? [`${listed(removed.map((item) => item.name))} removed by somebody else`] : []),
  ];
}

function byWhom(
  items: readonly Item[],
  who: (item: Item) => string | undefined,
  sentence: (who: string, what: string) => string,
): readonly string[] {
  const found = grouped(items, (item) => who(item) ?? "Somebody");
  return [...found].map(([name, theirs]) => sentence(name, listed(theirs.map(spoken))));
}
