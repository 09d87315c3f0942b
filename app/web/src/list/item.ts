/** An item as the page has it, with the names of who added and who checked it. */
export type Item = {
  readonly id: string;
  readonly listId: string;
  readonly name: string;
  readonly quantity: string;
  readonly unit: string;
  readonly category: string;
  readonly note: string;
  readonly position: string;
  readonly checked: boolean;
  readonly checkedBy?: string | null;
  readonly checkedAt?: number | null;
  readonly createdBy?: string | null;
  readonly createdAt: number;
  readonly creator?: { readonly name: string } | undefined;
  readonly checker?: { readonly name: string } | undefined;
};

/** What somebody can write about an item. */
export type Draft = Pick<Item, (typeof FIELDS)[number]>;
export const FIELDS = ["name", "quantity", "unit", "category", "note"] as const;
export type Field = (typeof FIELDS)[number];

export const draftOf = ({ name, quantity, unit, category, note }: Draft): Draft => ({ name, quantity, unit, category, note });
