import { createComputed, createEffect, on, type Accessor } from "solid-js";
import { neighbour } from "./arrange.ts";

type Held = { readonly id: string; readonly control: string | undefined };

const rowOf = (id: string) => document.querySelector<HTMLElement>(`[data-item-id="${CSS.escape(id)}"]`);

/** Focuses a control of an item, its checkbox where it has no such control. False when the item is not there. */
export function focusItem(id: string, control?: string): boolean {
  const row = rowOf(id);
  const there = (testid: string) => row?.querySelector<HTMLElement>(`[data-testid="${testid}"]`);
  const found = there(control ?? "item-check") ?? there("item-check") ?? row?.querySelector<HTMLElement>("input");
  found?.focus();
  return found !== undefined && found !== null;
}

export const scrollToItem = (id: string): void => rowOf(id)?.scrollIntoView({ block: "nearest" });

/**
 * Keeps the focus where somebody put it while rows come, go and move under it. Of a row that goes away, or that its
 * user has just sent to another place (`sent`), it passes to the neighbour in the same part of the list.
 */
export function keepFocus(parts: {
  /** The ids of each part of the list, as shown. */
  readonly shown: Accessor<readonly (readonly string[])[]>;
  readonly sent: () => string | undefined;
  /** Called when that has happened. */
  readonly arrived: () => void;
  /** Where the focus goes when no row is left for it. */
  readonly fallback: () => void;
}): void {
  let held: Held | undefined;
  let before: readonly (readonly string[])[] = [];
  // Runs before the rows of the page are touched, the effect below after them.
  createComputed(
    on(parts.shown, (_, previous) => {
      const focused = document.activeElement;
      const id = focused?.closest<HTMLElement>("[data-item-id]")?.dataset["itemId"];
      held = id === undefined ? undefined : { id, control: (focused as HTMLElement).dataset["testid"] };
      before = previous ?? [];
    }),
  );
  createEffect(
    on(parts.shown, (now) => {
      if (held === undefined) return;
      const { id, control } = held;
      held = undefined;
      const was = before.findIndex((part) => part.includes(id));
      const is = now.findIndex((part) => part.includes(id));
      const sent = parts.sent() === id && was !== is;
      if (sent) parts.arrived();
      const moved = is === -1 || sent;
      if (!moved && document.activeElement?.closest<HTMLElement>("[data-item-id]")?.dataset["itemId"] === id) return;
      const left = before[was] ?? [];
      const next = moved ? neighbour(left, left.filter((one) => now.some((part) => part.includes(one))), id) : id;
      // Of an item that is gone, the checkbox: a key still held down on "Remove" must not remove the next one too.
      if (next === undefined || !focusItem(next, is === -1 ? undefined : control)) parts.fallback();
    }),
  );
}
