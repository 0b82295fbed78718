import { defineConfig } from "vitest/config";

// `npm run simulate`: as many histories as asked for, outside `npm test`.
// biome-ignore lint/style/noDefaultExport: vitest asks for a default export
export default defineConfig({ test: { include: ["test/simulation/long.run.ts"], root: "." } });
