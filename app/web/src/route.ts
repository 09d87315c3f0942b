import { createSignal } from "solid-js";
import { placeOf, type Place } from "./place.ts";

const [path, setPath] = createSignal(location.pathname);
addEventListener("popstate", () => setPath(location.pathname));

export const place = (): Place => placeOf(path());

/** The id of the list that the address names. */
export function openList(): string | undefined {
  const now = place();
  return now.page === "list" ? now.id : undefined;
}

export const pathOf = (listId: string) => `/lists/${listId}`;

export function go(to: string): void {
  if (to === location.pathname) return;
  history.pushState(null, "", to);
  setPath(location.pathname);
}

/** For links within the page: their address stands in them, and following one does not load the page again. */
export function follow(event: MouseEvent & { currentTarget: HTMLAnchorElement }): void {
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(event.currentTarget.pathname);
}
