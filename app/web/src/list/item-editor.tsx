import { categories } from "@grocery/schema/categories";
import { limits } from "@grocery/schema/limits";
import { For, onMount, Show } from "solid-js";
import type { Desk, Editing } from "./desk.ts";
import { KNOWN_UNITS, parseAmount } from "./entry.ts";
import { focusItem } from "./focus.ts";

/** Changes an item where it stands. What was typed stays whatever others do meanwhile, which is told. */
export function ItemEditor(props: { now: Editing; desk: Desk }) {
  let name!: HTMLInputElement;
  const draft = () => props.now.draft;
  const id = props.now.origin.id;
  onMount(() => {
    name.focus();
    name.scrollIntoView({ block: "nearest" });
  });

  const leave = async (how: () => unknown) => {
    const left = how();
    if (props.desk.editing() === undefined) focusItem(id, "item-edit");
    await left;
    if (document.activeElement === document.body) focusItem(id, "item-edit");
  };
  // "3 cartons" in the field for the quantity means what it says.
  const save = async () => {
    const amount = parseAmount(draft().quantity);
    if (amount.unit !== "") props.desk.type(amount);
    await props.desk.save();
  };

  return (
    <form
      class="edit-item"
      onSubmit={(event) => {
        event.preventDefault();
        void leave(save);
      }}
      onKeyDown={(event) => {
        if (event.key === "Escape") void leave(props.desk.cancel);
        if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.requestSubmit();
      }}
    >
      <label class="edit-name">
        Name
        <input
          ref={name}
          data-testid="item-edit-name"
          required
          autocomplete="off"
          maxLength={limits.itemName}
          value={draft().name}
          onInput={(event) => props.desk.type({ name: event.currentTarget.value })}
        />
      </label>
      <label>
        Quantity
        <input
          data-testid="item-edit-quantity"
          autocomplete="off"
          maxLength={limits.itemQuantity}
          value={draft().quantity}
          onInput={(event) => props.desk.type({ quantity: event.currentTarget.value })}
        />
      </label>
      <label>
        Unit
        <input
          data-testid="item-edit-unit"
          autocomplete="off"
          list="known-units"
          maxLength={limits.itemUnit}
          value={draft().unit}
          onInput={(event) => props.desk.type({ unit: event.currentTarget.value })}
        />
      </label>
      <datalist id="known-units">
        <For each={KNOWN_UNITS}>{(unit) => <option value={unit} />}</For>
      </datalist>
      <label class="edit-category">
        Where it is found
        <select
          data-testid="item-edit-category"
          value={draft().category}
          onChange={(event) => props.desk.type({ category: event.currentTarget.value })}
        >
          <option value="">Not sorted yet</option>
          <For each={categories}>
            {(category) => (
              <option value={category.key} selected={category.key === draft().category}>
                {category.label}
              </option>
            )}
          </For>
        </select>
      </label>
      <label class="edit-note">
        Note
        <textarea
          data-testid="item-edit-note"
          rows={2}
          maxLength={limits.itemNote}
          value={draft().note}
          onInput={(event) => props.desk.type({ note: event.currentTarget.value })}
        />
      </label>
      <p class="meanwhile" role="status" data-testid="item-meanwhile">
        {props.now.notices.join(" ")}
      </p>
      <div class="row end">
        <button class="plain" type="button" data-testid="item-cancel" onClick={() => void leave(props.desk.cancel)}>
          {props.now.gone ? "Let it go" : "Cancel"}
        </button>
        <button class="primary" type="submit" data-testid="item-save">
          <Show when={props.now.gone} fallback="Save">
            Put it back
          </Show>
        </button>
      </div>
    </form>
  );
}
