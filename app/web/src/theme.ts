import { createSignal } from "solid-js";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

// The same place, and the same colours, as in boot.js.
const KEPT = "grocery.theme";
const GROUND = { light: "#f4f6f1", dark: "#101511" } as const;

const known = (value: string | null): Theme => THEMES.find((theme) => theme === value) ?? "system";

const [theme, setTheme] = createSignal<Theme>(known(localStorage.getItem(KEPT)));
export { theme };

function show(wanted: Theme): void {
  setTheme(wanted);
  if (wanted === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = wanted;
  for (const meta of document.querySelectorAll<HTMLMetaElement>('meta[name="theme-color"]'))
    meta.content = GROUND[wanted === "system" ? (meta.media.includes("dark") ? "dark" : "light") : wanted];
}

export function chooseTheme(wanted: Theme): void {
  localStorage.setItem(KEPT, wanted);
  show(wanted);
}

addEventListener("storage", (event) => {
  if (event.key === KEPT) show(known(event.newValue));
});
