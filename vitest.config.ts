import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/skipped.ts"],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // By default one core is left alone: on a machine of two the tests would go one file after the other. One more than there are
    // cores, for some tests wait for a lock, or for a server that is away, for most of a minute.
    maxWorkers: availableParallelism() + 1,
  },
});
