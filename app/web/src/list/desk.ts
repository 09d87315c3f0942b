import { mutators } from "@grocery/schema";
import { guessCategory } from "@grocery/schema/categories";
import { limits, rememberedKey } from "@grocery/schema/limits";
import { createEffect, createMemo, createSignal, on, onCleanup, type Accessor } from "solid-js";
import type { User } from "../session.ts";
import type { Store } from "../store.ts";
import { say } from "../toast.tsx";
import { catchUp, tellMeanwhile } from "./editing.ts";
import type { Entry } from "./entry.ts";
import { draftOf, FIELDS, type Draft, type Item } from "./item.ts";
import { lastPosition, planMove } from "./moving.ts";
import { news } from "./news.ts";
import { remedy, remember, tell, type Deed } from "./undo.ts";

/** Something the list has had before. `key` is its name as it is looked up. */
export type Remembered = {
  readonly key: string;
  readonly name: string;
  readonly quantity: string;
  readonly unit: string;
  readonly category: string;
};

/** An item somebody is changing here. It keeps its place meanwhile, whatever others do to it. */
export type Editing = {
  /** The item as it was, which tells where it stands. */
  readonly origin: Item;
  readonly base: Draft;
  readonly draft: Draft;
  /** What others did to it meanwhile, a sentence each. */
  readonly notices: readonly string[];
  readonly gone: boolean;
};

const NEWS_SETTLE_MS = 400;
const FRESH_MS = 4_000;

const tidied = (draft: Draft): Draft => ({
  name: draft.name.trim(),
  quantity: draft.quantity.trim(),
  unit: draft.unit.trim(),
  category: draft.category,
  note: draft.note.trim(),
});
const same = (a: Draft, b: Draft) => FIELDS.every((field) => a[field] === b[field]);

/** What one person does to one list, and what is told them about what the others do. */
export function createDesk(parts: {
  readonly listId: string;
  readonly user: User;
  readonly store: Store;
  readonly items: Accessor<readonly Item[]>;
  readonly remembered: Accessor<readonly Remembered[]>;
  /** Whether `items` is what the server has, as opposed to what was found in this browser. */
  readonly settled: Accessor<boolean>;
  /** Called with an item that somebody just brought here or back, once it is on the page. */
  readonly onAppear: (id: string, how: "added" | "undone") => void;
}) {
  const { listId, user, store, items } = parts;
  const [editing, setEditing] = createSignal<Editing>();
  const [dragged, setDragged] = createSignal<string>();
  /** While many rows are written for one move, nothing is arranged anew for each of them. */
  const [placing, setPlacing] = createSignal(false);
  const [announcement, announce] = createSignal("");
  const [fresh, setFresh] = createSignal<ReadonlySet<string>>(new Set());
  const byId = createMemo(() => new Map(items().map((item) => [item.id, item])));
  /** Copies, made anew whenever anything about any item changes: the rows themselves are changed in place. */
  const copies = createMemo<readonly Item[]>((last) =>
    placing() && last ? last : items().map((item) => ({ ...item })),
  );
  /** What was added, removed or brought back here, which is no news. */
  const mine = new Set<string>();
  let deeds: readonly Deed[] = [];

  const wantedKeys = createMemo(
    () => new Set(items().flatMap((item) => (item.checked ? [] : [rememberedKey(item.name)]))),
  );

  const offerUndo = (deed: Deed) => {
    deeds = remember(deeds, deed);
    say(tell(deed), { label: "Undo", testid: "undo", act: () => void undo() });
  };

  const restore = async (gone: readonly Item[]) => {
    for (const item of gone) mine.add(item.id);
    const rows = gone.map(({ id, name, quantity, unit, category, note, position, checked, ...rest }) => ({
      ...{ id, listId, name, quantity, unit, category, note, position, checked },
      ...{ checkedBy: rest.checkedBy ?? null, checkedAt: rest.checkedAt ?? null },
      ...{ createdBy: rest.createdBy ?? null, createdAt: rest.createdAt },
    }));
    for (let from = 0; from < rows.length; from += limits.itemsAtOnce)
      if (!(await store.write(mutators.item.restore({ items: rows.slice(from, from + limits.itemsAtOnce) }))))
        return false;
    return true;
  };

  /** Takes back the last deed; true when something came of it. */
  async function undo(): Promise<void> {
    const deed = deeds.at(-1);
    if (deed === undefined) return say("There is nothing to undo.");
    deeds = deeds.slice(0, -1);
    const what = remedy(deed, items());
    let done = false;
    if (what.kind === "nothing") return say(`Nothing undone. ${what.because}`);
    if (what.kind === "restore") done = await restore(what.items);
    if (what.kind === "check")
      done = await store.write(mutators.item.check({ id: what.id, checked: what.checked, at: Date.now() }));
    if (what.kind === "edit") done = await store.write(mutators.item.edit({ id: what.id, ...what.draft }));
    if (!done) {
      deeds = remember(deeds, deed);
      return;
    }
    say("Undone.");
    const id = what.kind === "restore" ? what.items[0]?.id : what.id;
    if (id !== undefined) parts.onAppear(id, "undone");
  }

  async function add(entry: Entry & { readonly category?: string; readonly note?: string }): Promise<boolean> {
    const key = rememberedKey(entry.name);
    const before = parts.remembered().find((one) => one.key === key);
    const id = crypto.randomUUID();
    mine.add(id);
    const done = await store.write(
      mutators.item.add({
        ...{ id, listId, name: entry.name, quantity: entry.quantity, unit: entry.unit, note: entry.note ?? "" },
        category: entry.category || before?.category || guessCategory(entry.name),
        position: lastPosition(items()),
        at: Date.now(),
      }),
    );
    if (done) {
      show([id]);
      announce(`${entry.name} added`);
      parts.onAppear(id, "added");
    }
    return done;
  }

  async function check(item: Item, checked: boolean): Promise<boolean> {
    if (!(await store.write(mutators.item.check({ id: item.id, checked, at: Date.now() })))) return false;
    offerUndo({ kind: "checked", id: item.id, name: item.name, checked });
    return true;
  }

  /** Something the list has had before: out of the basket if it is there, or as a new item; pointed out if it is. */
  async function addAgain(what: Entry & { readonly category?: string }): Promise<boolean> {
    const key = rememberedKey(what.name);
    const there = items().filter((item) => rememberedKey(item.name) === key);
    const open = there.find((item) => !item.checked);
    if (open) {
      show([open.id]);
      announce(`${open.name} is on the list already`);
      parts.onAppear(open.id, "added");
      return true;
    }
    return there[0] ? check(there[0], false) : add(what);
  }

  async function removeAll(gone: readonly Item[], deed: Deed["kind"] & ("removed" | "cleared")): Promise<void> {
    // Copies: the rows themselves go away.
    const kept = gone.map((item) => ({ ...item }));
    for (const item of kept) mine.add(item.id);
    const first = kept[0];
    if (first === undefined) return;
    if (deed === "removed") {
      if (!(await store.write(mutators.item.remove({ id: first.id })))) return;
    } else
      for (let from = 0; from < kept.length; from += limits.itemsAtOnce) {
        const ids = kept.slice(from, from + limits.itemsAtOnce).map((item) => item.id);
        if (!(await store.write(mutators.item.clearChecked({ listId, ids })))) return;
      }
    offerUndo({ kind: deed, items: kept });
  }

  function edit(item: Item): void {
    const before = editing();
    // What was typed into another one is not thrown away.
    if (before && before.origin.id !== item.id) void save();
    const base = draftOf(item);
    setEditing({ origin: { ...item }, base, draft: base, notices: [], gone: false });
  }

  const cancel = () => setEditing(undefined);

  const type = (change: Partial<Draft>) =>
    setEditing((now) => (now ? { ...now, draft: { ...now.draft, ...change } } : now));

  /** Writes what is being edited and closes it, unless it has no name or cannot be written. */
  async function save(): Promise<void> {
    const now = editing();
    if (now === undefined) return;
    const after = tidied(now.draft);
    if (after.name === "") return;
    const current = byId().get(now.origin.id);
    if (current === undefined) {
      if (!(await restore([now.origin]))) return;
      // It comes back as it went, which may have been out of somebody's basket.
      void store.write(mutators.item.check({ id: now.origin.id, checked: now.origin.checked, at: Date.now() }));
    }
    setEditing((open) => (open?.origin.id === now.origin.id ? undefined : open));
    const before = current ? draftOf(current) : now.base;
    if (same(before, after)) return;
    if (await store.write(mutators.item.edit({ id: now.origin.id, ...after })))
      offerUndo({ kind: "edited", id: now.origin.id, before, after });
  }

  const editedId = createMemo(() => editing()?.origin.id);
  // Somebody else changes, checks or removes what is being edited: it stays open, and says what happened.
  createEffect(
    on([copies, editedId], ([rows]) => {
      const now = editing();
      if (now === undefined) return;
      const item = rows.find((row) => row.id === now.origin.id);
      const tell = (change: Partial<Editing>, ...told: readonly string[]) => {
        const notices = [...new Set([...now.notices, ...told.filter((sentence) => sentence !== "")])];
        setEditing({ ...now, ...change, notices });
      };
      if (item === undefined) {
        if (!now.gone) tell({ gone: true }, "Somebody else has removed this. Saving puts it back on the list.");
        return;
      }
      const current = draftOf(item);
      const found = catchUp(now.base, now.draft, current);
      const checked = item.checked && !now.origin.checked;
      tell(
        { base: current, draft: found.draft, gone: false },
        tellMeanwhile(found.taken, found.contested, item),
        checked ? `${item.checker?.name ?? "Somebody else"} has it in the basket.` : "",
        now.gone ? "It is back on the list." : "",
      );
    }),
  );

  let seen: readonly Item[] | undefined;
  let told: readonly string[] = [];
  let settling: ReturnType<typeof setTimeout> | undefined;
  const fading = new Set<ReturnType<typeof setTimeout>>();
  onCleanup(() => [settling, ...fading].forEach(clearTimeout));

  createEffect(
    on([copies, parts.settled], ([now, settled]) => {
      if (!settled) return;
      const before = seen;
      seen = now;
      if (before === undefined) return;
      const known = new Set(before.map((item) => item.id));
      const strange = now.filter(({ id, createdBy }) => !known.has(id) && createdBy !== user.id && !mine.has(id));
      if (strange.length > 0) show(strange.map((item) => item.id));
      told = [...told, ...news(before, now, user.id, mine)];
      if (told.length === 0) return;
      clearTimeout(settling);
      settling = setTimeout(() => {
        announce(`${told.join(". ")}.`);
        told = [];
      }, NEWS_SETTLE_MS);
    }),
  );

  /** Points these out for a moment. */
  function show(ids: readonly string[]): void {
    setFresh((now) => new Set([...now, ...ids]));
    const timer = setTimeout(() => {
      fading.delete(timer);
      setFresh((now) => new Set([...now].filter((id) => !ids.includes(id))));
    }, FRESH_MS);
    fading.add(timer);
  }

  /** Puts an item at `index` of `order`, which is what is shown. */
  async function move(order: readonly Item[], id: string, index: number): Promise<void> {
    const at = Math.max(0, Math.min(index, order.length - 1));
    const name = byId().get(id)?.name ?? "";
    setPlacing(true);
    try {
      for (const placed of planMove(order, id, at))
        if (!(await store.write(mutators.item.move({ id: placed.id, position: placed.position })))) return;
    } finally {
      setPlacing(false);
    }
    announce(`${name}: ${at + 1} of ${order.length}`);
  }

  return {
    ...{ user, store, listId, items, byId, remembered: parts.remembered },
    ...{ add, addAgain, check, move, undo, edit, cancel, type, save, editing },
    remove: (item: Item) => removeAll([item], "removed"),
    clear: (basket: readonly Item[]) => removeAll(basket, "cleared"),
    forget: (key: string) => store.write(mutators.remembered.forget({ listId, key })),
    /** Whether something of this name is to buy already. */
    isWanted: (key: string) => wantedKeys().has(key),
    isFresh: (id: string) => fresh().has(id),
    ...{ dragged, setDragged, placing, announcement, show },
  };
}

export type Desk = ReturnType<typeof createDesk>;
