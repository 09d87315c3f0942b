import { createSignal } from "solid-js";

/** What Chromium offers where a page may be installed; not in TypeScript's library. */
type InstallOffer = Event & { prompt(): Promise<{ outcome: "accepted" | "dismissed" }> };

const [offer, setOffer] = createSignal<InstallOffer>();

/** Whether the browser offers to install the application now. */
export const installable = () => offer() !== undefined;

export function install(): void {
  // An offer is good for one question.
  const question = offer();
  setOffer(undefined);
  void question?.prompt();
}

// Early: the browser asks once, soon after the page is there.
addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  setOffer(event as InstallOffer);
});
addEventListener("appinstalled", () => setOffer(undefined));
