import { render } from "solid-js/web";
import { App } from "./app.tsx";
import "./styles/base.css";
import "./styles/frame.css";
import "./styles/lists.css";

const root = document.getElementById("app");
if (root) render(() => <App />, root);

if ("serviceWorker" in navigator && import.meta.env.PROD)
  addEventListener("load", () => {
    navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" }).catch((error: unknown) => {
      console.warn("The application will not open without a network:", error);
    });
  });
