// Runs before anything is painted. Its own file: the content security policy has no place for scripts inside the page.

// A page in the other theme is never seen.
{
  const theme = localStorage.getItem("grocery.theme");
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
    for (const meta of document.querySelectorAll('meta[name="theme-color"]'))
      meta.content = theme === "dark" ? "#101511" : "#f4f6f1";
  }
}

// A program that did not arrive, say because the network changed just then, leaves no empty page.
addEventListener(
  "error",
  ({ target }) => {
    if (!(target instanceof HTMLScriptElement)) return;
    addEventListener("DOMContentLoaded", () => {
      const text = document.createElement("p");
      text.textContent = "The page has not arrived whole. Check the connection. ";
      const again = document.createElement("button");
      again.className = "primary";
      again.textContent = "Load it again";
      again.addEventListener("click", () => location.reload());
      const missing = document.createElement("main");
      missing.className = "missing";
      missing.setAttribute("role", "alert");
      missing.dataset.testid = "page-missing";
      missing.append(text, again);
      document.getElementById("app")?.replaceChildren(missing);
    });
  },
  true,
);
