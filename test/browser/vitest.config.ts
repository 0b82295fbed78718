import { defineConfig } from "vitest/config";

/** The tests in a real Chromium: `npm run test:browser`. `npm test` needs no browser. */
export default defineConfig({
  test: {
    include: ["test/browser/*.browser.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
