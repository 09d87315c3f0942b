import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "test/postgres.ts",
    // One database for all of them, and one file stops and starts it.
    fileParallelism: false,
    // Zero's handler tells the console about the failures that tests provoke.
    onConsoleLog: (text) => !text.startsWith("PushProcessor"),
    testTimeout: 15_000,
    hookTimeout: 30_000,
  },
});
