/** Moving a row with the pointer. Nothing of the page changes place until it is dropped. */

const EDGE_PX = 72;
const SCROLL_PX = 12;

/**
 * Starts where the pointer went down on the handle of `row`, one of `rows` in the order shown. `onEnd` gets the index
 * it was dropped at, or undefined when it was given up; the rows stay as they look until what it does about that is done.
 */
export function dragRow(
  down: PointerEvent,
  row: HTMLElement,
  rows: readonly HTMLElement[],
  onEnd: (to?: number) => Promise<void>,
): void {
  const handle = down.currentTarget as HTMLElement;
  const from = rows.indexOf(row);
  const places = rows.map((one) => {
    const { top, height } = one.getBoundingClientRect();
    return { middle: top + scrollY + height / 2, height };
  });
  const start = down.clientY + scrollY;
  const height = places[from]?.height ?? 0;
  const first = places[0];
  const last = places.at(-1);
  let to = from;
  let pointer = down.clientY;
  let frame = 0;

  const place = () => {
    const middle = places[from]?.middle ?? 0;
    const top = (first?.middle ?? 0) - middle;
    const bottom = (last?.middle ?? 0) - middle;
    const offset = pointer + scrollY - start;
    row.style.transform = `translateY(${Math.max(top, Math.min(bottom, offset))}px)`;
    to = from;
    places.forEach((other, index) => {
      const passed = index < from ? other.middle > middle + offset : other.middle < middle + offset;
      if (index === from) return;
      if (passed) to = index < from ? Math.min(to, index) : Math.max(to, index);
      const shift = passed ? (index < from ? height : -height) : 0;
      const element = rows[index];
      if (element) element.style.transform = shift === 0 ? "" : `translateY(${shift}px)`;
    });
  };
  // Near the upper and lower edge of the window the page goes on by itself.
  const scroll = () => {
    const by = pointer < EDGE_PX * 2 ? -SCROLL_PX : pointer > innerHeight - EDGE_PX * 2 ? SCROLL_PX : 0;
    if (by !== 0) {
      scrollBy(0, by);
      place();
    }
    frame = requestAnimationFrame(scroll);
  };
  const end = (dropped?: number) => {
    cancelAnimationFrame(frame);
    handle.removeEventListener("pointermove", onMove);
    handle.removeEventListener("pointerup", onUp);
    handle.removeEventListener("pointercancel", onCancel);
    removeEventListener("keydown", onKey, true);
    void onEnd(dropped).finally(() => {
      for (const one of rows) one.style.transform = "";
    });
  };
  const onMove = (event: PointerEvent) => {
    pointer = event.clientY;
    place();
  };
  const onUp = () => end(to);
  const onCancel = () => end();
  const onKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    end();
  };
  handle.setPointerCapture(down.pointerId);
  handle.addEventListener("pointermove", onMove);
  handle.addEventListener("pointerup", onUp);
  handle.addEventListener("pointercancel", onCancel);
  addEventListener("keydown", onKey, true);
  frame = requestAnimationFrame(scroll);
}
