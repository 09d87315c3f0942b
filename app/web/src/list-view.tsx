import { mutators, queries } from "@grocery/schema";
import { limits } from "@grocery/schema/limits";
import { useQuery } from "@rocicorp/zero/solid";
import { createEffect, createMemo, createSignal, For, Match, Show, Switch } from "solid-js";
import { Dialog } from "./dialog.tsx";
import { BackIcon, EditIcon, LeaveIcon, PlusIcon, RemoveIcon, ShareIcon } from "./icons.tsx";
import { go } from "./route.ts";
import type { User } from "./session.ts";
import { SharePanel } from "./share-panel.tsx";
import type { Store } from "./store.ts";

type Item = { readonly id: string; readonly name: string; readonly quantity: string; readonly checked: boolean };

/** One list: its items and what its owner, or a member, may do with it. */
export function ListView(props: { listId: string; user: User; store: Store }) {
  const [list, result] = useQuery(() => queries.list.byId({ id: props.listId }));
  const [renaming, setRenaming] = createSignal(false);
  const [asking, setAsking] = createSignal<"share" | "end">();
  const items = createMemo(() => list()?.items ?? []);
  const wanted = createMemo(() => items().filter((item) => !item.checked));
  const bought = createMemo(() => items().filter((item) => item.checked));
  const owner = () => list()?.ownerId === props.user.id;
  createEffect(() => {
    document.title = `${list()?.name ?? "Grocery List"}`;
  });

  const end = async () => {
    setAsking(undefined);
    const done = owner()
      ? await props.store.write(mutators.list.remove({ id: props.listId }))
      : await props.store.write(mutators.member.remove({ listId: props.listId, userId: props.user.id }));
    if (done) go("/");
  };

  return (
    <Switch>
      <Match when={list()}>
        {(open) => (
          <article class="list" data-testid="list" data-list-id={open().id}>
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
                  <h1 data-testid="list-title" tabindex="-1">
                    {open().name}
                  </h1>
                }
              >
                <RenameForm
                  name={open().name}
                  onDone={async (name) => {
                    setRenaming(false);
                    if (name !== undefined)
                      await props.store.write(mutators.list.rename({ id: props.listId, name }));
                  }}
                />
              </Show>
              <Show when={!renaming()}>
                <Show when={owner()}>
                  <button
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
                  class="plain icon-button"
                  type="button"
                  data-testid="share-open"
                  aria-label="Who is on this list"
                  onClick={() => setAsking("share")}
                >
                  <ShareIcon />
                </button>
                <button
                  class="plain icon-button"
                  type="button"
                  data-testid={owner() ? "list-remove" : "list-leave"}
                  aria-label={owner() ? "Remove the list" : "Leave the list"}
                  onClick={() => setAsking("end")}
                >
                  <Show when={owner()} fallback={<LeaveIcon />}>
                    <RemoveIcon />
                  </Show>
                </button>
              </Show>
            </div>
            <AddItem listId={open().id} store={props.store} />
            <Show when={items().length === 0}>
              <p class="empty" data-testid="items-empty">
                Nothing here yet. The first thing you add shows up on every member's screen.
              </p>
            </Show>
            <ul class="items" aria-label="To buy">
              <For each={wanted()}>{(item) => <ItemRow item={item} store={props.store} />}</For>
            </ul>
            <Show when={bought().length > 0}>
              <h2 class="bought-title">In the basket ({bought().length})</h2>
              <ul class="items bought" aria-label="In the basket">
                <For each={bought()}>{(item) => <ItemRow item={item} store={props.store} />}</For>
              </ul>
            </Show>
            <Show when={asking() === "share"}>
              <SharePanel list={open()} user={props.user} store={props.store} onClose={() => setAsking(undefined)} />
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
      <Match when={result().type === "complete"}>
        <p class="empty" data-testid="list-missing">
          There is no such list, or it is not shared with you.{" "}
          <button class="link" type="button" data-testid="list-back" onClick={() => go("/")}>
            Your lists
          </button>
        </p>
      </Match>
    </Switch>
  );
}

function RenameForm(props: { name: string; onDone: (name?: string) => void }) {
  let input!: HTMLInputElement;
  queueMicrotask(() => {
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

function AddItem(props: { listId: string; store: Store }) {
  let nameInput!: HTMLInputElement;
  const [name, setName] = createSignal("");
  const [quantity, setQuantity] = createSignal("");

  const add = async (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = { name: name().trim(), quantity: quantity().trim() };
    if (wanted.name === "") return;
    nameInput.focus();
    setName("");
    setQuantity("");
    const id = crypto.randomUUID();
    const change = mutators.item.add({ id, listId: props.listId, ...wanted, at: Date.now() });
    // What could not be added goes back into the fields, unless something else is in them by now.
    if (!(await props.store.write(change)) && name() === "") {
      setName(wanted.name);
      setQuantity(wanted.quantity);
    }
  };

  return (
    <form class="adder add-item" onSubmit={(event) => void add(event)}>
      <input
        ref={nameInput}
        aria-label="What to buy"
        placeholder="Add something"
        data-testid="item-name-input"
        autocomplete="off"
        enterkeyhint="done"
        maxLength={limits.itemName}
        value={name()}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <input
        class="quantity-input"
        aria-label="How much"
        placeholder="How much"
        data-testid="item-quantity-input"
        autocomplete="off"
        enterkeyhint="done"
        maxLength={limits.itemQuantity}
        value={quantity()}
        onInput={(event) => setQuantity(event.currentTarget.value)}
      />
      <button class="primary icon-button" type="submit" data-testid="item-add" aria-label="Add">
        <PlusIcon />
      </button>
    </form>
  );
}

function ItemRow(props: { item: Item; store: Store }) {
  const [editing, setEditing] = createSignal(false);
  let editButton!: HTMLButtonElement;
  return (
    <li class="item" data-testid="item" data-item-id={props.item.id} data-checked={String(props.item.checked)}>
      <Show
        when={editing()}
        fallback={
          <>
            <label class="item-label">
              <input
                type="checkbox"
                data-testid="item-check"
                checked={props.item.checked}
                onChange={(event) =>
                  void props.store.write(
                    mutators.item.check({ id: props.item.id, checked: event.currentTarget.checked }),
                  )
                }
              />
              <span class="item-text">
                <span class="item-name" data-testid="item-name">
                  {props.item.name}
                </span>
                <Show when={props.item.quantity}>
                  <span class="item-quantity" data-testid="item-quantity">
                    {props.item.quantity}
                  </span>
                </Show>
              </span>
            </label>
            <button
              ref={editButton}
              class="plain icon-button"
              type="button"
              data-testid="item-edit"
              aria-label={`Edit ${props.item.name}`}
              onClick={() => setEditing(true)}
            >
              <EditIcon />
            </button>
            <button
              class="plain icon-button"
              type="button"
              data-testid="item-remove"
              aria-label={`Remove ${props.item.name}`}
              onClick={() => void props.store.write(mutators.item.remove({ id: props.item.id }))}
            >
              <RemoveIcon />
            </button>
          </>
        }
      >
        <EditItem
          item={props.item}
          onDone={(change) => {
            setEditing(false);
            editButton.focus();
            if (change) void props.store.write(mutators.item.edit({ id: props.item.id, ...change }));
          }}
        />
      </Show>
    </li>
  );
}

function EditItem(props: { item: Item; onDone: (change?: { name: string; quantity: string }) => void }) {
  let name!: HTMLInputElement;
  let quantity!: HTMLInputElement;
  queueMicrotask(() => name.focus());
  return (
    <form
      class="edit-item"
      onSubmit={(event) => {
        event.preventDefault();
        const change = { name: name.value.trim(), quantity: quantity.value.trim() };
        props.onDone(change.name === "" ? undefined : change);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") props.onDone();
      }}
    >
      <input
        ref={name}
        aria-label="What to buy"
        data-testid="item-edit-name"
        required
        maxLength={limits.itemName}
        value={props.item.name}
      />
      <input
        ref={quantity}
        class="quantity-input"
        aria-label="How much"
        placeholder="How much"
        data-testid="item-edit-quantity"
        maxLength={limits.itemQuantity}
        value={props.item.quantity}
      />
      <button class="primary" type="submit" data-testid="item-save">
        Save
      </button>
      <button class="plain" type="button" data-testid="item-cancel" onClick={() => props.onDone()}>
        Cancel
      </button>
    </form>
  );
}
