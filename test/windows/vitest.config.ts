import { defineConfig } from "vitest/config";

// `npm run test:windows`: the archive for Windows under wine. `npm test` needs no wine.
// biome-ignore lint/style/noDefaultExport: vitest asks for it
export default defineConfig({
  test: {
    include: ["test/windows/*.windows.ts"],
    testTimeout: 60_000,
    hookTimeout: 180_000,
  },
});
