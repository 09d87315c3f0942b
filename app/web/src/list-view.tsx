import { mutators, queries } from "@grocery/schema";
import { limits, rememberedKey } from "@grocery/schema/limits";
import { useQuery } from "@rocicorp/zero/solid";
import { createEffect, createMemo, createSignal, For, Match, onCleanup, onMount, Show, Switch } from "solid-js";
import { Dialog } from "./dialog.tsx";
import { AgainIcon, AislesIcon, BackIcon, EditIcon, HandIcon, ShareIcon } from "./icons.tsx";
import { AddItem } from "./list/add-item.tsx";
import { arrange, type Arranged } from "./list/arrange.ts";
import { createDesk, type Desk } from "./list/desk.ts";
import { dragRow } from "./list/drag.ts";
import { focusItem, keepFocus, scrollToItem } from "./list/focus.ts";
import { Again, History } from "./list/history.tsx";
import { ItemRow, type RowSetting } from "./list/item-row.tsx";
import { SharePanel } from "./list/share-panel.tsx";
import { fits } from "./list/words.ts";
import { go } from "./route.ts";
import type { User } from "./session.ts";
import type { Store } from "./store.ts";
import { say } from "./toast.tsx";
import "./styles/lists.css";

type Asking = "share" | "end" | "history";
const FOUND_BEFORE = 8;

/** One list: its items and what its owner, or a member, may do with it. */
export function ListView(props: { listId: string; user: User; store: Store }) {
  const [found, result] = useQuery(() => queries.list.byId({ id: props.listId }));
  const [remembered] = useQuery(() => queries.remembered.ofList({ listId: props.listId }));
  const complete = () => result().type === "complete";
  // While a replica is replaced there is nothing for a moment, which must not take away what somebody is at.
  const list = createMemo<ReturnType<typeof found>>((last) => found() ?? (complete() ? undefined : last));
  const items = createMemo(() => list()?.items ?? []);
  const desk = createDesk({
    listId: props.listId,
    user: props.user,
    store: props.store,
    items,
    remembered: () => remembered() ?? [],
    settled: complete,
    onAppear: (id, how) => {
      if (how === "added") scrollToItem(id);
      // The button that was pressed is gone by now.
      else if (document.activeElement === document.body) focusItem(id);
    },
  });
  const [asking, setAsking] = createSignal<Asking>();
  const [search, setSearch] = createSignal("");
  const owner = () => list()?.ownerId === props.user.id;
  const manual = () => list()?.itemOrder === "manual";
  createEffect(() => {
    document.title = list()?.name ?? "Grocery List";
  });

  const undoByKey = (event: KeyboardEvent) => {
    if (event.key.toLowerCase() !== "z" || event.shiftKey || event.altKey || !(event.ctrlKey || event.metaKey)) return;
    // A field with something in it has an undo of its own.
    const field = event.target;
    const typing = field instanceof HTMLInputElement && field.type !== "checkbox" && field.value !== "";
    if (typing || field instanceof HTMLTextAreaElement || field instanceof HTMLSelectElement) return;
    event.preventDefault();
    void desk.undo();
  };
  addEventListener("keydown", undoByKey);
  onCleanup(() => removeEventListener("keydown", undoByKey));

  const end = async () => {
    setAsking(undefined);
    const done = owner()
      ? await props.store.write(mutators.list.remove({ id: props.listId }))
      : await props.store.write(mutators.member.remove({ listId: props.listId, userId: props.user.id }));
    if (done) go("/");
  };
  const archive = async (archived: boolean) => {
    if (!(await props.store.write(mutators.list.archive({ id: props.listId, archived, at: Date.now() })))) return;
    say(archived ? "The list is in the archive." : "The list is back among your lists.");
  };

  return (
    <Switch>
      <Match when={list()}>
        {(open) => (
          <article class="list" data-testid="list" data-list-id={open().id}>
            <ListHead
              name={open().name}
              owner={owner()}
              onRename={(name) => void props.store.write(mutators.list.rename({ id: props.listId, name }))}
              people={open().members.length}
              onShare={() => setAsking("share")}
            />
            <Show when={open().archivedAt}>
              <p class="archived">
                <span data-testid="list-archived-badge">This list is in the archive.</span>
                <Show when={owner()}>
                  <button class="link" type="button" data-testid="list-unarchive" onClick={() => void archive(false)}>
                    Take it out
                  </button>
                </Show>
              </p>
            </Show>
            <div class="tools">
              <input
                type="search"
                aria-label="Search this list"
                placeholder="Search"
                data-testid="item-search"
                autocomplete="off"
                enterkeyhint="search"
                value={search()}
                onInput={(event) => setSearch(event.currentTarget.value)}
                onKeyDown={(event) => {
                  if (event.key === "Escape") setSearch("");
                }}
              />
              <button
                class="tool"
                type="button"
                data-testid="order-toggle"
                data-order={open().itemOrder}
                aria-label={manual() ? "Order: by hand. Put it in the order of a shop" : "Order: by shop. Put it in order by hand"}
                onClick={() =>
                  void props.store.write(
                    mutators.list.setOrder({ id: props.listId, order: manual() ? "automatic" : "manual" }),
                  )
                }
              >
                <Show when={manual()} fallback={<AislesIcon />}>
                  <HandIcon />
                </Show>
                <span>{manual() ? "By hand" : "By shop"}</span>
              </button>
              <button
                class="tool"
                type="button"
                data-testid="history-open"
                aria-label="Add again: what this list has had before"
                onClick={() => setAsking("history")}
              >
                <AgainIcon />
                <span>Again</span>
              </button>
            </div>
            <AddItem desk={desk} onAdded={() => setSearch("")} />
            <Items desk={desk} manual={manual()} shared={open().members.length > 1} search={search()} />
            <div class="list-foot">
              <Show when={owner() && !open().archivedAt}>
                <button class="plain" type="button" data-testid="list-archive" onClick={() => void archive(true)}>
                  Archive the list
                </button>
              </Show>
              <button
                class="plain"
                type="button"
                data-testid={owner() ? "list-remove" : "list-leave"}
                onClick={() => setAsking("end")}
              >
                {owner() ? "Remove the list" : "Leave the list"}
              </button>
            </div>
            <p class="unseen" role="status" data-testid="announcer">
              {desk.announcement()}
            </p>
            <p class="unseen" id="moving-help">
              Arrow up and arrow down move it.
            </p>
            <Show when={asking() === "share"}>
              <SharePanel list={open()} user={props.user} store={props.store} onClose={() => setAsking(undefined)} />
            </Show>
            <Show when={asking() === "history"}>
              <History desk={desk} onClose={() => setAsking(undefined)} />
            </Show>
            <Show when={asking() === "end"}>
              <Dialog
                title={owner() ? `Remove “${open().name}”?` : `Leave “${open().name}”?`}
                testid="confirm-dialog"
                onClose={() => setAsking(undefined)}
              >
                <p>
                  {owner()
                    ? "The list and everything on it is gone for all its members."
                    : "You no longer see it until its owner invites you again."}
                </p>
                <div class="row end">
                  <button class="plain" type="button" data-testid="confirm-no" onClick={() => setAsking(undefined)}>
                    Keep it
                  </button>
                  <button class="danger" type="button" data-testid="confirm-yes" onClick={() => void end()}>
                    {owner() ? "Remove" : "Leave"}
                  </button>
                </div>
              </Dialog>
            </Show>
          </article>
        )}
      </Match>
      <Match when={complete()}>
        <div class="empty" data-testid="list-missing">
          <h1>There is no such list</h1>
          <p>
            Or it is not shared with you.{" "}
            <button class="link" type="button" data-testid="list-back" onClick={() => go("/")}>
              Your lists
            </button>
          </p>
        </div>
      </Match>
    </Switch>
  );
}

/** Its name, the way back to the others, and who is on it. */
function ListHead(props: {
  name: string;
  owner: boolean;
  people: number;
  onRename: (name: string) => void;
  onShare: () => void;
}) {
  const [renaming, setRenaming] = createSignal(false);
  let title: HTMLHeadingElement | undefined;
  let rename: HTMLButtonElement | undefined;
  // Where somebody came from is out of sight on a phone, and the focus with it.
  onMount(() => title?.focus({ preventScroll: true }));
  return (
    <div class="list-head">
      <button
        class="plain icon-button narrow-only"
        type="button"
        data-testid="list-back"
        aria-label="Back to the lists"
        onClick={() => go("/")}
      >
        <BackIcon />
      </button>
      <Show
        when={renaming()}
        fallback={
          <h1 ref={title} data-testid="list-title" tabindex="-1">
            {props.name}
          </h1>
        }
      >
        <RenameForm
          name={props.name}
          onDone={(name) => {
            setRenaming(false);
            rename?.focus();
            if (name !== undefined && name !== props.name) props.onRename(name);
          }}
        />
      </Show>
      <Show when={!renaming()}>
        <Show when={props.owner}>
          <button
            ref={rename}
            class="plain icon-button"
            type="button"
            data-testid="list-rename"
            aria-label="Rename the list"
            onClick={() => setRenaming(true)}
          >
            <EditIcon />
          </button>
        </Show>
        <button
          class="plain share-button"
          type="button"
          data-testid="share-open"
          aria-label={`Share: who is on this list, ${props.people}`}
          onClick={() => props.onShare()}
        >
          <ShareIcon />
          <span>{props.people > 1 ? props.people : "Share"}</span>
        </button>
      </Show>
    </div>
  );
}

function RenameForm(props: { name: string; onDone: (name?: string) => void }) {
  let input!: HTMLInputElement;
  onMount(() => {
    input.focus();
    input.select();
  });
  return (
    <form
      class="rename"
      onSubmit={(event) => {
        event.preventDefault();
        props.onDone(input.value.trim() || undefined);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") props.onDone();
      }}
    >
      <input
        ref={input}
        aria-label="Name of the list"
        data-testid="list-rename-name"
        value={props.name}
        required
        maxLength={limits.listName}
      />
      <button class="primary" type="submit" data-testid="list-rename-save">
        Save
      </button>
    </form>
  );
}

const focusTitle = () => document.querySelector<HTMLElement>("[data-testid=list-title]")?.focus();

/** What is to buy, under the headings of a shop or in the order made by hand, and the basket. */
function Items(props: { desk: Desk; manual: boolean; shared: boolean; search: string }) {
  const { desk } = props;
  const searching = () => props.search.trim() !== "";
  let sent: string | undefined;
  let moving = Promise.resolve();

  const arranged = createMemo<Arranged>((last) => {
    // Nothing moves under a finger that moves something.
    if ((desk.dragged() !== undefined || desk.placing()) && last !== undefined) return last;
    const edited = desk.editing()?.origin;
    // What is being edited stays where it was, even if somebody else has removed it.
    const items = edited ? [...desk.items().filter((item) => item.id !== edited.id), edited] : desk.items();
    const asked = props.search;
    const fitting = searching()
      ? items.filter((item) => item.id === edited?.id || fits(`${item.name} ${item.note}`, asked))
      : items;
    return arrange(fitting, props.manual ? "manual" : "automatic");
  });
  const groups = createMemo(() => arranged().wanted.map((group) => group.key), undefined, {
    equals: (a, b) => a.length === b.length && a.every((key, index) => key === b[index]),
  });
  const group = (key: string) => arranged().wanted.find((one) => one.key === key);
  const wanted = createMemo(() => arranged().wanted.flatMap((one) => one.items));
  const basket = createMemo(() => arranged().basket.map((item) => item.id));
  const bought = createMemo(() => desk.items().filter((item) => item.checked));
  const there = createMemo(() => new Set(desk.items().map((item) => rememberedKey(item.name))));
  const before = createMemo(() =>
    searching()
      ? desk
          .remembered()
          .filter((one) => fits(one.name, props.search) && !there().has(one.key))
          .slice(0, FOUND_BEFORE)
      : [],
  );

  keepFocus({
    shown: () => [wanted().map((item) => item.id), basket()],
    sent: () => sent,
    arrived: () => (sent = undefined),
    fallback: focusTitle,
  });
  const clear = async () => {
    await desk.clear(bought());
    // The button is gone with the basket.
    const above = wanted().at(-1);
    if (document.activeElement === document.body && !(above && focusItem(above.id))) focusTitle();
  };

  const setting: RowSetting = {
    get shared() {
      return props.shared;
    },
    get manual() {
      return props.manual;
    },
    get movable() {
      return props.manual && !searching();
    },
    onSend: (id) => {
      sent = id;
    },
    onMove: (id, to) => {
      // One after the other, each from where the one before has put it.
      moving = moving.then(async () => {
        const order = wanted();
        const index = order.findIndex((item) => item.id === id);
        if (index < 0) return;
        await desk.move(order, id, to(index, order.length));
        if (document.activeElement === document.body) focusItem(id, "item-drag");
      });
    },
    onGrab: (event, id) => {
      const row = (event.currentTarget as HTMLElement).closest<HTMLElement>("[data-item-id]");
      const rows = row ? [...(row.parentElement?.querySelectorAll<HTMLElement>(":scope > [data-item-id]") ?? [])] : [];
      if (!row || desk.editing()) return;
      const order = wanted();
      desk.setDragged(id);
      dragRow(event, row, rows, async (to) => {
        // Others may have moved, checked or removed some of them meanwhile.
        const there = desk.byId();
        const now = order.flatMap((item) => there.get(item.id) ?? []).filter((item) => !item.checked);
        if (to !== undefined && there.has(id)) await desk.move(now, id, to);
        desk.setDragged(undefined);
      });
    },
  };

  return (
    <>
      <Show when={desk.items().length === 0 && !searching()}>
        <p class="empty" data-testid="items-empty">
          Nothing here yet. The first thing you add shows up on every member's screen.
        </p>
      </Show>
      <Show when={wanted().length === 0 && basket().length > 0 && !searching()}>
        <p class="empty" data-testid="items-done">
          Everything is in the basket.
        </p>
      </Show>
      <For each={groups()}>
        {(key) => (
          <section class="group">
            <Show when={group(key)?.label}>
              {(label) => (
                <h2 class="category-heading" data-testid="category-heading" data-category={key}>
                  {label()}
                </h2>
              )}
            </Show>
            <ul class="items" aria-label={group(key)?.label || "To buy"}>
              <For each={group(key)?.items.map((item) => item.id)}>
                {(id) => <ItemRow id={id} desk={desk} setting={setting} />}
              </For>
            </ul>
          </section>
        )}
      </For>
      <Show when={basket().length > 0}>
        <section class="group">
          <div class="basket-head">
            <h2>In the basket ({basket().length})</h2>
            <Show when={!searching()}>
              <button
                class="link"
                type="button"
                data-testid="clear-checked"
                aria-label="Clear the basket"
                onClick={() => void clear()}
              >
                Clear
              </button>
            </Show>
          </div>
          <ul class="items bought" aria-label="In the basket">
            <For each={basket()}>{(id) => <ItemRow id={id} desk={desk} setting={setting} />}</For>
          </ul>
        </section>
      </Show>
      <Show when={searching()}>
        <Show when={wanted().length + basket().length === 0}>
          <p class="empty" data-testid="search-none">
            “{props.search.trim()}” is not on this list.
          </p>
        </Show>
        <Show when={before().length > 0}>
          <section class="group">
            <h2 class="category-heading">Had before</h2>
            <ul class="agains found-before">
              <For each={before()}>
                {(what) => (
                  <li>
                    <Again what={what} desk={desk} />
                  </li>
                )}
              </For>
            </ul>
          </section>
        </Show>
      </Show>
    </>
  );
}
