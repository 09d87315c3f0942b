import { expect, test } from "vitest";
import { assetsOf } from "../src/release.ts";

const page = (...assets: string[]) =>
  `<head>${assets.map((name) => `<link rel="prefetch" href="/assets/${name}" crossorigin>`).join("\n")}</head>`;

test("the same release is recognised whatever order its page names files in", () => {
  expect(assetsOf(page("b-2.js", "a-1.css"))).toEqual(assetsOf(page("a-1.css", "b-2.js", "b-2.js")));
});

test("another file of any kind is another release", () => {
  expect(assetsOf(page("a-1.js", "a-1.css"))).not.toEqual(assetsOf(page("a-1.js", "a-2.css")));
});

test("a page that is not ours names nothing", () => {
  expect(assetsOf("<h1>503 Service Unavailable</h1>")).toEqual([]);
});
