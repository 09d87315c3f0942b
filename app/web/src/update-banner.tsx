import { createSignal, Show } from "solid-js";
import { outdated } from "./update.ts";

/** Offers a newer release. The page never loads it by itself: somebody may be in the middle of something. */
export function UpdateBanner() {
  const [later, setLater] = createSignal(false);
  return (
    <div role="status">
      <Show when={outdated() && !later()}>
        <p class="notice" data-testid="update-banner">
          <span>There is a new version of this page.</span>
          <button class="primary" type="button" data-testid="update-reload" onClick={() => location.reload()}>
            Load it
          </button>
          <button class="plain" type="button" data-testid="update-later" onClick={() => setLater(true)}>
            Later
          </button>
        </p>
      </Show>
    </div>
  );
}
