import { createSignal } from "solid-js";

const [path, setPath] = createSignal(location.pathname);
addEventListener("popstate", () => setPath(location.pathname));

/** The id of the list that the address names. */
export const openList = (): string | undefined => /^\/lists\/([0-9a-f-]{36})$/.exec(path())?.[1];

export const pathOf = (listId: string) => `/lists/${listId}`;

export function go(to: string): void {
  if (to === location.pathname) return;
  history.pushState(null, "", to);
  setPath(to);
}
