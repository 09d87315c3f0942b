import { createSignal, Show } from "solid-js";

const MESSAGE_MS = 6_000;
/** Longer where there is something to press. */
const OFFER_MS = 12_000;

export type Offer = { readonly label: string; readonly testid: string; readonly act: () => void };
type Shown = { readonly text: string; readonly offer?: Offer | undefined };

const [shown, setShown] = createSignal<Shown>();
let timer: ReturnType<typeof setTimeout> | undefined;

function hideLater(): void {
  clearTimeout(timer);
  timer = setTimeout(() => setShown(undefined), shown()?.offer ? OFFER_MS : MESSAGE_MS);
}

/** Tells something for a while, with one thing to do about it if there is any. What is told later takes its place. */
export function say(text: string, offer?: Offer): void {
  setShown({ text, offer });
  hideLater();
}

export const hush = () => {
  clearTimeout(timer);
  setShown(undefined);
};

/** Where `say` appears: once on the page. It stays while somebody is at it, with the pointer or the focus. */
export function Toast() {
  return (
    <div
      class="message"
      role="status"
      data-testid="message"
      classList={{ shown: shown() !== undefined }}
      onPointerEnter={() => clearTimeout(timer)}
      onPointerLeave={hideLater}
      onFocusIn={() => clearTimeout(timer)}
      onFocusOut={hideLater}
    >
      <Show when={shown()} keyed>
        {(now) => (
          <>
            <span>{now.text}</span>
            <Show when={now.offer}>
              {(offer) => (
                <button
                  type="button"
                  data-testid={offer().testid}
                  onClick={() => {
                    hush();
                    offer().act();
                  }}
                >
                  {offer().label}
                </button>
              )}
            </Show>
          </>
        )}
      </Show>
    </div>
  );
}
