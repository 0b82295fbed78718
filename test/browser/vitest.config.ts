import { defineConfig } from "vitest/config";

// `npm run test:browser`: the pages in a real Chromium. `npm test` needs no browser.
// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default defineConfig({
  test: {
    include: ["test/browser/*.browser.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
