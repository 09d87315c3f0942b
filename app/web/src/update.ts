import { createSignal } from "solid-js";
import { assetsOf } from "./release.ts";

const HOUR_MS = 3_600_000;

/** Whether a newer release than the one this page is from is live. Loading it is left to the person. */
const [outdated, setOutdated] = createSignal(false);
export { outdated, setOutdated };

// Before anything is loaded lazily, which adds to the head.
const own = assetsOf(document.head.innerHTML);
let looking = false;

/** Looks whether the server hands out another page than this one. */
export async function lookForUpdate(): Promise<void> {
  if (looking || outdated() || !navigator.onLine) return;
  looking = true;
  try {
    const response = await fetch("/", { cache: "no-cache", credentials: "same-origin" });
    const live = response.ok ? assetsOf(await response.text()) : [];
    if (live.length > 0 && live.join() !== own.join()) setOutdated(true);
  } catch {
    // Without a network there is no release either.
  } finally {
    looking = false;
  }
}

/** Looks whenever somebody comes back to the page, and every hour. */
export function watchForUpdates(): void {
  const look = () => {
    if (document.visibilityState === "visible") void lookForUpdate();
  };
  addEventListener("focus", look);
  document.addEventListener("visibilitychange", look);
  setInterval(look, HOUR_MS);
}
