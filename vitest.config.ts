import { defineConfig } from "vitest/config";

/** Rings 1 to 5 of the tests, one project each: `npx vitest run --project rules`. */
export default defineConfig({
  test: {
    // Real processes of the operating system: tests signal, wait for and look into themselves.
    pool: "forks",
    globalSetup: ["test/setup/run.ts"],
    setupFiles: ["test/setup/leaks.ts"],
    sequence: { hooks: "stack" },
    // Bounds against hanging, never expectations: machines are slow and noisy.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    teardownTimeout: 30_000,
    passWithNoTests: false,
    projects: [
      { test: { name: "rules", include: ["src/contract/**/*.test.ts", "src/rules/**/*.test.ts"] } },
      { test: { name: "rooms", include: ["src/**/*.test.ts"], exclude: ["src/contract/**", "src/rules/**"] } },
      { test: { name: "house", include: ["scripts/**/*.test.ts", "test/setup/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { name: "contract", include: ["test/contract/**/*.test.ts"], testTimeout: 120_000 } },
      { test: { name: "storm", include: ["test/storm/**/*.test.ts"], testTimeout: 300_000, sequence: { groupOrder: 1 } } },
      {
        test: {
          name: "real",
          include: ["test/real/**/*.test.ts"],
          // One file at a time, after everything else: they measure the machine they run on.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
