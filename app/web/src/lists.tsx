import { mutators, queries } from "@grocery/schema";
import { limits } from "@grocery/schema/limits";
import { useQuery } from "@rocicorp/zero/solid";
import { createEffect, createMemo, createSignal, For, on, Show } from "solid-js";
import { Dynamic } from "solid-js/web";
import { ExpandIcon, PlusIcon } from "./icons.tsx";
import { follow, go, openList, pathOf, place } from "./route.ts";
import type { User } from "./session.ts";
import type { Store } from "./store.ts";
import "./styles/lists.css";

type Summary = {
  readonly id: string;
  readonly name: string;
  readonly archivedAt?: number | null;
  readonly items: readonly unknown[];
  readonly members: readonly unknown[];
};

/** The lists one is on, the invitations to others, and starting a new one. */
export function Lists(props: { user: User; store: Store }) {
  const [lists, listsResult] = useQuery(() => queries.list.mine());
  const [invitations] = useQuery(() => queries.invitation.mine());
  const [name, setName] = createSignal("");
  const [showingArchive, showArchive] = createSignal(false);
  const current = createMemo(() => lists().filter((list) => !list.archivedAt));
  const archived = createMemo(() => lists().filter((list) => list.archivedAt));
  // An invitation to a list one is on already has nothing to offer.
  const open = createMemo(() =>
    invitations().filter((invitation) => !lists().some((list) => list.id === invitation.listId)),
  );
  createEffect(() => {
    if (openList() === undefined) document.title = "Grocery List";
  });
  // On a phone these were out of sight: who comes back from a list finds the focus where they went in.
  createEffect(
    on(openList, (now, before) => {
      if (now !== undefined || before === undefined || document.activeElement !== document.body) return;
      document.querySelector<HTMLElement>(`[data-list-id="${CSS.escape(before)}"]`)?.focus();
    }),
  );

  const create = async (event: SubmitEvent) => {
    event.preventDefault();
    const wanted = name().trim();
    if (wanted === "") return;
    const id = crypto.randomUUID();
    if (!(await props.store.write(mutators.list.create({ id, name: wanted, at: Date.now() })))) return;
    setName("");
    go(pathOf(id));
  };

  return (
    <nav class="lists" aria-label="Lists">
      <Dynamic component={place().page === "lists" ? "h1" : "h2"} class="lists-title">
        Your lists
      </Dynamic>
      <For each={open()}>
        {(invitation) => (
          <section class="invitation" data-testid="invitation" data-list-id={invitation.listId}>
            <p>
              <strong>{invitation.inviter?.name}</strong> shares <strong>{invitation.list?.name}</strong> with you.
            </p>
            <div class="row">
              <button
                class="primary"
                type="button"
                data-testid="invitation-accept"
                onClick={() =>
                  void props.store.write(mutators.invitation.accept({ listId: invitation.listId, at: Date.now() }))
                }
              >
                Join
              </button>
              <button
                class="plain"
                type="button"
                data-testid="invitation-decline"
                onClick={() => void props.store.write(mutators.invitation.decline({ listId: invitation.listId }))}
              >
                No, thanks
              </button>
            </div>
          </section>
        )}
      </For>
      <ListLinks lists={current()} />
      <Show when={lists().length === 0 && listsResult().type === "complete"}>
        <p class="empty" data-testid="lists-empty">
          No list yet. What do you call the place you shop at?
        </p>
      </Show>
      <form class="adder new-list" onSubmit={(event) => void create(event)}>
        <input
          aria-label="Name of a new list"
          placeholder="New list"
          data-testid="new-list-name"
          autocomplete="off"
          enterkeyhint="done"
          maxLength={limits.listName}
          value={name()}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button
          class="primary icon-button"
          type="submit"
          data-testid="new-list-submit"
          aria-label="Create the list"
          {...props.store.whyNot()}
        >
          <PlusIcon />
        </button>
      </form>
      <Show when={archived().length > 0}>
        <section class="archive">
          <button
            class="plain archive-toggle"
            type="button"
            data-testid="archived-toggle"
            aria-expanded={showingArchive()}
            onClick={() => showArchive((now) => !now)}
          >
            <ExpandIcon />
            Archive ({archived().length})
          </button>
          <Show when={showingArchive()}>
            <ListLinks lists={archived()} />
          </Show>
        </section>
      </Show>
    </nav>
  );
}

function ListLinks(props: { lists: readonly Summary[] }) {
  const byId = createMemo(() => new Map(props.lists.map((list) => [list.id, list])));
  return (
    <ul>
      <For each={props.lists.map((list) => list.id)}>
        {(id) => (
          <Show when={byId().get(id)}>
            {(list) => (
              <li>
                <a
                  class="list-link"
                  href={pathOf(id)}
                  data-testid="list-link"
                  data-list-id={id}
                  aria-current={openList() === id ? "page" : undefined}
                  onClick={follow}
                >
                  <span class="list-name">
                    {list().name}
                    <Show when={list().members.length > 1}>
                      <span class="shared">shared by {list().members.length}</span>
                    </Show>
                  </span>
                  <span class="count">
                    {list().items.length}
                    <span class="unseen"> to buy</span>
                  </span>
                </a>
              </li>
            )}
          </Show>
        )}
      </For>
    </ul>
  );
}
