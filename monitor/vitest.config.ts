import { defineConfig } from "vitest/config";

export default defineConfig({
  resolve: { preserveSymlinks: true },
  test: { include: ["{collector,synthetic}/test/**/*.test.ts"], testTimeout: 15_000, hookTimeout: 15_000 },
});
