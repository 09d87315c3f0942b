import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

export default defineConfig({
  plugins: [solid({ include: ["src/**/*.tsx"] })],
  build: {
    target: "es2022",
    // Inlined assets would be data: URLs, which the page's content security policy need not allow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
