import { mutators, queries } from "@grocery/schema";
import { limits } from "@grocery/schema/limits";
import { useQuery } from "@rocicorp/zero/solid";
import { createEffect, createMemo, createSignal, For, Show } from "solid-js";
import { PlusIcon } from "./icons.tsx";
import { go, openList, pathOf } from "./route.ts";
import type { User } from "./session.ts";
import type { Store } from "./store.ts";
import "./styles/lists.css";

/** The lists one is on, the invitations to others, and starting a new one. */
export function Lists(props: { user: User; store: Store }) {
  const [lists, listsResult] = useQuery(() => queries.list.mine());
  const [invitations] = useQuery(() => queries.invitation.mine());
  const [name, setName] = createSignal("");
  // An invitation to a list one is on already has nothing to offer.
  const open = createMemo(() =>
    invitations().filter((invitation) => !lists().some((list) => list.id === invitation.listId)),
  );
  createEffect(() => {
    if (openList() === undefined) document.title = "Grocery List";
  });

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
      <h2>Your lists</h2>
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
      <ul>
        <For each={lists()}>
          {(list) => (
            <li>
              <a
                class="list-link"
                href={pathOf(list.id)}
                data-testid="list-link"
                data-list-id={list.id}
                aria-current={openList() === list.id ? "page" : undefined}
                onClick={(event) => {
                  event.preventDefault();
                  go(pathOf(list.id));
                }}
              >
                <span class="list-name">
                  {list.name}
                  <Show when={list.members.length > 1}>
                    <span class="shared">shared by {list.members.length}</span>
                  </Show>
                </span>
                <span class="count" aria-label={`${list.items.length} to buy`}>
                  {list.items.length}
                </span>
              </a>
            </li>
          )}
        </For>
      </ul>
      <Show when={lists().length === 0 && listsResult().type === "complete"}>
        <p class="empty" data-testid="lists-empty">
          No list yet. What do you call the place you shop at?
        </p>
      </Show>
      <form class="adder" onSubmit={(event) => void create(event)}>
        <input
          aria-label="Name of a new list"
          placeholder="New list"
          data-testid="new-list-name"
          maxLength={limits.listName}
          value={name()}
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button class="primary icon-button" type="submit" data-testid="new-list-submit" aria-label="Create the list">
          <PlusIcon />
        </button>
      </form>
    </nav>
  );
}
