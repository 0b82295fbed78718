#!/usr/bin/env node
// The only job of this file is to start the compiled program and to say what to run where it is not compiled.
import { existsSync } from "node:fs";

const main = new URL("../dist/main.js", import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  process.stderr.write("qalyptus-propagate is not built yet. Run: npm ci && npm run build\n");
  process.exitCode = 1;
}
