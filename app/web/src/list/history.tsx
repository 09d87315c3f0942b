import { createMemo, createSignal, For, Show, untrack } from "solid-js";
import { Dialog } from "../dialog.tsx";
import { CloseIcon, PlusIcon } from "../icons.tsx";
import type { Desk, Remembered } from "./desk.ts";
import { amountOf } from "./entry.ts";
import { fits } from "./words.ts";

/** One thing the list has had before, to be added again. */
export function Again(props: { what: Remembered; desk: Desk }) {
  const wanted = () => props.desk.isWanted(props.what.key);
  return (
    <button
      class="again"
      type="button"
      data-testid="history-item"
      data-key={props.what.key}
      aria-disabled={wanted()}
      onClick={() => {
        if (!wanted()) void props.desk.addAgain(props.what);
      }}
    >
      <span class="again-name">
        {props.what.name} <span class="quiet">{amountOf(props.what)}</span>
      </span>
      <Show when={wanted()} fallback={<PlusIcon />}>
        <span class="quiet">on the list</span>
      </Show>
    </button>
  );
}

/** Everything the list has had before, the latest first. */
export function History(props: { desk: Desk; onClose: () => void }) {
  const [asked, setAsked] = createSignal("");
  // What is added again is the latest then: here it keeps its place until this is opened the next time.
  const order = untrack(() => props.desk.remembered().map((one) => one.key));
  const byKey = createMemo(() => new Map(props.desk.remembered().map((one) => [one.key, one])));
  const found = createMemo(() => {
    const all = [...new Set([...order, ...byKey().keys()])].flatMap((key) => byKey().get(key) ?? []);
    return all.filter((one) => fits(one.name, asked())).map((one) => one.key);
  });
  return (
    <Dialog title="Add again" testid="history-dialog" onClose={props.onClose}>
      <input
        type="search"
        aria-label="Search what the list has had before"
        placeholder="Search"
        data-testid="history-search"
        autocomplete="off"
        value={asked()}
        onInput={(event) => setAsked(event.currentTarget.value)}
      />
      <ul class="agains">
        <For each={found()}>
          {(key) => (
            <Show when={byKey().get(key)}>
              {(what) => (
                <li>
                  <Again what={what()} desk={props.desk} />
                  <button
                    class="plain icon-button"
                    type="button"
                    data-testid="history-forget"
                    aria-label={`Forget ${what().name}`}
                    onClick={() => void props.desk.forget(key)}
                  >
                    <CloseIcon />
                  </button>
                </li>
              )}
            </Show>
          )}
        </For>
      </ul>
      <Show when={found().length === 0}>
        <p class="quiet">{asked() === "" ? "Whatever is added to this list is kept here." : "Nothing like that yet."}</p>
      </Show>
    </Dialog>
  );
}
