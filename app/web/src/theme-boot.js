// Runs before anything is painted, so that a page in the other theme is never seen. Its own file: the content security
// policy has no place for scripts inside the page.
{
  const theme = localStorage.getItem("grocery.theme");
  if (theme === "light" || theme === "dark") {
    document.documentElement.dataset.theme = theme;
    for (const meta of document.querySelectorAll('meta[name="theme-color"]'))
      meta.content = theme === "dark" ? "#101511" : "#f4f6f1";
  }
}
