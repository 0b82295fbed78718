#!/usr/bin/env node
// The only job of this file is to start the compiled program and to say what to run where it is not compiled. CommonJS, as the
// program is (package.json beside it): loading Node's ESM loader costs a start as much as `node -e 0` takes for a third of it.
const { existsSync } = require("node:fs");
const { join } = require("node:path");

const main = join(__dirname, "..", "dist", "main.cjs");
if (existsSync(main)) {
  require(main);
} else {
  process.stderr.write("qalyptus-propagate is not built yet. Run: npm ci && npm run build\n");
  process.exitCode = 1;
}
