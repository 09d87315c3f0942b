import { rememberedKey, limits } from "@grocery/schema/limits";
import { createMemo, createSignal, For, Show } from "solid-js";
import { PlusIcon } from "../icons.tsx";
import type { Desk, Remembered } from "./desk.ts";
import { amountOf, parseAmount, parseEntry, type Entry } from "./entry.ts";
import { fits } from "./words.ts";

const SUGGESTIONS = 5;

/** The entry box: one line says what and how much, and what the list has had before is suggested while typing. */
export function AddItem(props: { desk: Desk; onAdded: () => void }) {
  const { desk } = props;
  let nameInput!: HTMLInputElement;
  const [line, setLine] = createSignal("");
  const [amount, setAmount] = createSignal("");
  const [chosen, setChosen] = createSignal(-1);
  const [open, setOpen] = createSignal(false);

  const entry = createMemo<Entry>(() => {
    // With an amount of its own the name is taken as it stands.
    if (amount().trim() !== "") return { name: line().trim(), ...parseAmount(amount()) };
    return parseEntry(line());
  });
  const suggestions = createMemo<readonly Remembered[]>(() => {
    const { name } = entry();
    if (!open() || name === "") return [];
    const exact = rememberedKey(name);
    return desk
      .remembered()
      .filter((one) => fits(one.name, name) && (one.key !== exact || !desk.isWanted(one.key)))
      .slice(0, SUGGESTIONS);
  });

  const clear = () => {
    setLine("");
    setAmount("");
    setChosen(-1);
  };
  /** Adds what is typed, or something remembered in the amount that is typed. */
  const add = async (remembered?: Remembered) => {
    const typed = { line: line(), amount: amount() };
    const { name, quantity, unit } = entry();
    if (name === "") return nameInput.focus();
    const amountTyped = quantity !== "" || unit !== "";
    clear();
    nameInput.focus();
    const done = remembered
      ? desk.addAgain({ ...remembered, ...(amountTyped ? { quantity, unit } : {}) })
      : desk.add({ name, quantity, unit });
    props.onAdded();
    // What could not be added goes back into the fields, unless something else is in them by now.
    if (!(await done) && line() === "") {
      setLine(typed.line);
      setAmount(typed.amount);
    }
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const count = suggestions().length;
    if (event.key === "Escape" && count > 0) {
      event.preventDefault();
      event.stopPropagation();
      setOpen(false);
    }
    if (count === 0 || (event.key !== "ArrowDown" && event.key !== "ArrowUp")) return;
    event.preventDefault();
    // One more place than there are suggestions: none of them.
    const step = event.key === "ArrowDown" ? 1 : -1;
    setChosen((now) => ((now + 1 + step + count + 1) % (count + 1)) - 1);
  };

  return (
    <form
      class="adder add-item"
      onSubmit={(event) => {
        event.preventDefault();
        void add(suggestions()[chosen()]);
      }}
      onFocusOut={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOpen(false);
      }}
    >
      <input
        ref={nameInput}
        role="combobox"
        aria-label="What to buy"
        aria-autocomplete="list"
        aria-expanded={suggestions().length > 0}
        aria-controls="suggestions"
        aria-activedescendant={chosen() >= 0 ? `suggestion-${chosen()}` : undefined}
        placeholder="Add 2 kg apples"
        data-testid="item-name-input"
        autocomplete="off"
        autocapitalize="sentences"
        enterkeyhint="done"
        maxLength={limits.itemName}
        value={line()}
        onFocus={() => setOpen(true)}
        onInput={(event) => {
          setLine(event.currentTarget.value);
          setChosen(-1);
          setOpen(true);
        }}
        onKeyDown={onKeyDown}
      />
      <input
        class="quantity-input"
        aria-label="How much"
        placeholder={amountOf(entry()) || "Amount"}
        data-testid="item-quantity-input"
        autocomplete="off"
        enterkeyhint="done"
        maxLength={limits.itemQuantity}
        value={amount()}
        onInput={(event) => setAmount(event.currentTarget.value)}
      />
      <button
        class="primary icon-button"
        type="submit"
        data-testid="item-add"
        aria-label="Add"
        {...desk.store.whyNot()}
      >
        <PlusIcon />
      </button>
      <ul
        class="suggestions"
        id="suggestions"
        role="listbox"
        aria-label="Had before"
        classList={{ shown: suggestions().length > 0 }}
      >
        <For each={suggestions()}>
          {(one, index) => (
            <li
              class="suggestion"
              id={`suggestion-${index()}`}
              role="option"
              data-testid="suggestion"
              data-key={one.key}
              aria-selected={chosen() === index()}
              onPointerDown={(event) => event.preventDefault()}
              onClick={() => void add(one)}
            >
              <span>{one.name}</span>
              <span class="quiet">
                <Show when={desk.isWanted(one.key)} fallback={amountOf(one)}>
                  on the list
                </Show>
              </span>
            </li>
          )}
        </For>
      </ul>
    </form>
  );
}
