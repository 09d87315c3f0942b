import { render } from "solid-js/web";
import { App } from "./app.tsx";
import { watchForErrors } from "./errors.ts";
import "./install.ts";
import "./theme.ts";
import { watchForUpdates } from "./update.ts";
import "./styles/base.css";
import "./styles/frame.css";

watchForErrors();
const root = document.getElementById("app");
if (root) render(() => <App />, root);

if (import.meta.env.PROD) {
  watchForUpdates();
  if ("serviceWorker" in navigator)
    addEventListener("load", () => {
      navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" }).catch((error: unknown) => {
        console.warn("The application will not open without a network:", error);
      });
    });
}
