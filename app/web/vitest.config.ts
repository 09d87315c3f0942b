import { defineConfig } from "vitest/config";

// Without the page's own Vite plugins: what is tested here runs without a browser.
export default defineConfig({ test: { include: ["test/**/*.test.ts"] } });
