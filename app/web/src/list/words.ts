/** Finding words in names the way people type them: without accents, in any case, from the beginning of a word. */

export const plain = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();

/** Whether every word of `asked` begins a word of `text`. Nothing asked fits everything. */
export function fits(text: string, asked: string): boolean {
  const words = plain(text).split(/[^\p{L}\p{N}]+/u);
  return plain(asked)
    .split(/\s+/)
    .every((word) => words.some((candidate) => candidate.startsWith(word)));
}

/** "Milk", "Milk and Bread", "Milk, Bread and 3 more". */
export function listed(names: readonly string[], most = 3): string {
  if (names.length <= 1) return names.join("");
  const told = names.length > most ? names.slice(0, most - 1) : names.slice(0, -1);
  const rest = names.length > most ? `${names.length - told.length} more` : names.at(-1);
  return `${told.join(", ")} and ${rest}`;
}

export const count = (number: number, one: string, many = `${one}s`): string => `${number} ${number === 1 ? one : many}`;

/** Things by what they have in common, in the order of their first appearance. */
export function grouped<Thing>(things: readonly Thing[], by: (thing: Thing) => string): ReadonlyMap<string, readonly Thing[]> {
  const groups = new Map<string, Thing[]>();
  for (const thing of things) {
    const key = by(thing);
    const group = groups.get(key);
    if (group) group.push(thing);
    else groups.set(key, [thing]);
  }
  return groups;
}
