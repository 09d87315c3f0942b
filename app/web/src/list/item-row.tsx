import { createMemo, Show } from "solid-js";
import { EditIcon, GripIcon, RemoveIcon } from "../icons.tsx";
import { labelOf } from "./arrange.ts";
import type { Desk } from "./desk.ts";
import { amountOf } from "./entry.ts";
import { ItemEditor } from "./item-editor.tsx";
import type { Item } from "./item.ts";

export type RowSetting = {
  /** Whether there is anybody else whose names would tell something. */
  readonly shared: boolean;
  /** Whether items stand where somebody put them. */
  readonly manual: boolean;
  /** Whether they can be put somewhere else now. */
  readonly movable: boolean;
  readonly onGrab: (event: PointerEvent, id: string) => void;
  readonly onMove: (id: string, to: (index: number, count: number) => number) => void;
  /** Told before the item leaves its place because of what is done here. */
  readonly onSend: (id: string) => void;
};

/** Keys that move an item whose handle has the focus. */
const MOVES: Readonly<Record<string, (index: number, count: number) => number>> = {
  ArrowUp: (index) => index - 1,
  ArrowDown: (index) => index + 1,
  Home: () => 0,
  End: (_, count) => count - 1,
};

/** One item. `id` stays the same for the life of the row, whatever is done to the item. */
export function ItemRow(props: { id: string; desk: Desk; setting: RowSetting }) {
  const { desk } = props;
  const editing = () => (desk.editing()?.origin.id === props.id ? desk.editing() : undefined);
  const item = createMemo<Item | undefined>((last) => desk.byId().get(props.id) ?? editing()?.origin ?? last);
  return (
    <Show when={item()}>
      {(now) => (
        <li
          class="item"
          classList={{
            fresh: desk.isFresh(props.id),
            editing: editing() !== undefined,
            dragged: desk.dragged() === props.id,
          }}
          data-testid="item"
          data-item-id={props.id}
          data-checked={String(now().checked)}
        >
          <Show
            when={editing()}
            fallback={<ItemLine item={now()} desk={desk} setting={props.setting} />}
          >
            {(open) => <ItemEditor now={open()} desk={desk} />}
          </Show>
        </li>
      )}
    </Show>
  );
}

function ItemLine(props: { item: Item; desk: Desk; setting: RowSetting }) {
  const { desk } = props;
  /** Whether the category stands in the row, where no heading tells it. */
  const told = () => props.setting.manual && props.item.category !== "" && !props.item.checked;
  return (
    <>
      <Show when={props.setting.movable && !props.item.checked}>
        <button
          class="plain icon-button handle"
          type="button"
          data-testid="item-drag"
          aria-label={`Move ${props.item.name}`}
          aria-describedby="moving-help"
          onPointerDown={(event) => {
            if (event.button === 0) props.setting.onGrab(event, props.item.id);
          }}
          onKeyDown={(event) => {
            const to = MOVES[event.key];
            if (to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
            event.preventDefault();
            props.setting.onMove(props.item.id, to);
          }}
        >
          <GripIcon />
        </button>
      </Show>
      <label class="item-label">
        <input
          type="checkbox"
          data-testid="item-check"
          checked={props.item.checked}
          onChange={async (event) => {
            const box = event.currentTarget;
            props.setting.onSend(props.item.id);
            if (!(await desk.check(props.item, box.checked))) box.checked = props.item.checked;
          }}
        />
        <span class="item-text">
          <span class="item-first">
            <span class="item-name" data-testid="item-name">
              {props.item.name}
            </span>
            <Show when={amountOf(props.item)}>
              {(amount) => (
                <span class="item-quantity" data-testid="item-quantity">
                  {amount()}
                </span>
              )}
            </Show>
            <Show when={props.setting.shared && !told()}>
              <Who item={props.item} me={desk.user.id} />
            </Show>
          </span>
          <Show when={props.item.note}>
            <span class="item-note" data-testid="item-note">
              {props.item.note}
            </span>
          </Show>
          <Show when={told()}>
            <span class="item-second">
              <span data-testid="item-category">{labelOf(props.item.category)}</span>
              <Show when={props.setting.shared}>
                <Who item={props.item} me={desk.user.id} />
              </Show>
            </span>
          </Show>
        </span>
      </label>
      <button
        class="plain icon-button"
        type="button"
        data-testid="item-edit"
        aria-label={`Edit ${props.item.name}`}
        onClick={() => desk.edit(props.item)}
      >
        <EditIcon />
      </button>
      <button
        class="plain icon-button"
        type="button"
        data-testid="item-remove"
        aria-label={`Remove ${props.item.name}`}
        onClick={() => void desk.remove(props.item)}
      >
        <RemoveIcon />
      </button>
    </>
  );
}

/** Who added an item and who has it in the basket. What one did oneself is only said to those who listen. */
function Who(props: { item: Item; me: string }) {
  const named = (id: string | null | undefined, name: string | undefined) =>
    id === props.me ? "you" : (name ?? "somebody");
  const checked = () => props.item.checked && Boolean(props.item.checkedBy);
  return (
    <>
      <span class={props.item.createdBy === props.me || checked() ? "unseen" : "who"}>
        <span class="unseen">added by </span>
        <span data-testid="item-author">{named(props.item.createdBy, props.item.creator?.name)}</span>
      </span>
      <Show when={checked()}>
        <span class={props.item.checkedBy === props.me ? "unseen" : "who"}>
          <span class="unseen">in the basket of </span>
          <span data-testid="item-checker">{named(props.item.checkedBy, props.item.checker?.name)}</span>
        </span>
      </Show>
    </>
  );
}
