export type Place =
  | { readonly page: "lists" | "account" | "forgot" | "reset" | "verify" }
  | { readonly page: "list"; readonly id: string };

/** What an address shows. One that says nothing shows the lists. */
export function placeOf(path: string): Place {
  const id = /^\/lists\/([0-9a-f-]{36})\/?$/.exec(path)?.[1];
  if (id) return { page: "list", id };
  const page = /^\/(account|forgot|reset|verify)\/?$/.exec(path)?.[1] as "account" | undefined;
  return { page: page ?? "lists" };
}
