import type { Item } from "../src/list/item.ts";

let made = 0;

/** An item of which a test says only what it is about; each is younger than those before it. */
export function item(what: Partial<Item> & { readonly name: string }): Item {
  made += 1;
  return {
    id: `${what.name.toLowerCase()}-id`,
    listId: "list-id",
    quantity: "",
    unit: "",
    category: "",
    note: "",
    position: "",
    checked: false,
    createdBy: "ada",
    createdAt: made,
    creator: { name: "Ada" },
    ...what,
  };
}

export const names = (items: readonly Item[]): string => items.map(({ name }) => name).join(" ");
