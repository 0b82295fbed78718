import { defineConfig } from "vitest/config";

// `npm run test:package`: the packed file, installed in an empty folder. `npm run test:node-versions`: the same on other Nodes.
// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default defineConfig({
  test: {
    include: ["test/package/*.package.ts"],
    testTimeout: 120_000,
    hookTimeout: 300_000,
  },
});
