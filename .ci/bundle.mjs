// Bundles src/ and the packages that it uses, as CommonJS: Node starts it without its ESM loader, whose files are opened one by
// one through promises, and which evaluates all of a built-in module's lazy parts with its first import (40 % of `--version`).
import { writeFileSync } from "node:fs";
import { join, normalize } from "node:path";

/** Of undici only what is used: the whole of it costs a start 60 ms, these three 20. */
const USED_OF_UNDICI = `
export { default as Pool } from "undici/lib/dispatcher/pool.js";
export { default as errors } from "undici/lib/core/errors.js";
export { default as buildConnector } from "undici/lib/core/connect.js";
`;

const onlyUsedOfUndici = {
  name: "only-used-of-undici",
  resolveId: (id) => (id === "undici" ? "\0undici-used" : undefined),
  load: (id) => (id === "\0undici-used" ? USED_OF_UNDICI : undefined),
};

/** commander starts other programs for subcommands that stand in files of their own. We have none, and loading it costs 4 ms. */
const commanderStartsNothing = {
  name: "commander-starts-nothing",
  resolveId: (id, importer) =>
    id === "node:child_process" && importer?.includes("commander") ? "\0no-child-process" : undefined,
  load: (id) => (id === "\0no-child-process" ? "module.exports = {};" : undefined),
};

/** Of pg only its client: its index also looks for a native one. */
const onlyClientOfPg = {
  name: "only-client-of-pg",
  resolveId: (id) => (id === "pg" ? "\0pg-client" : undefined),
  load: (id) =>
    id === "\0pg-client"
      ? 'export { default as Client } from "pg/lib/client.js"; export { DatabaseError } from "pg-protocol";'
      : undefined,
};

/**
 * One letter beyond ASCII makes Node keep a whole file as UTF-16: twice the bytes to read through, and more for the garbage
 * collector, whose first pause is a twentieth of a short start. As escapes the letters mean the same, but in a raw template.
 */
const ascii = {
  name: "ascii",
  renderChunk: (code, { fileName }) => {
    if (/String\.raw`[^`]*[^\0-\x7f]/.test(code)) throw new Error(`${fileName} has a raw template beyond ASCII`);
    // Escapes are stepped over whole; without the u flag, so that a character beyond 16 bits becomes its two halves.
    return code.replace(/\\[\s\S]|[^\0-\x7f]/g, (found) => (found.at(-1) > "\x7f" ? escape16(found.at(-1)) : found));
  },
};

function escape16(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/**
 * What is loaded by each file of `src`, and what that brings, in one file: opening one costs as much as compiling 10 KB. What
 * more than one of them bring goes to the first.
 */
const LOADED_TOGETHER = [
  { name: "process", files: ["cli/program", "shared/redaction"] },
  { name: "shell", files: ["cli/shell", "reporter/look", "shared/spelling"] },
  { name: "command", files: ["cli/command-line"] },
  { name: "lines", files: ["reporter/problems"] },
  { name: "telling", files: ["commands/telling"] },
  { name: "manifest", files: ["commands/inputs"] },
  { name: "log", files: ["commands/command-log"] },
  { name: "sync", files: ["commands/sync"] },
].map(({ name, files }, at) => {
  const ends = files.map((file) => join("src", `${file}.ts`));
  return { name, test: (id) => ends.some((end) => normalize(id).endsWith(end)), priority: 10 - at };
});

/**
 * Writes main.cjs, index.cjs and their chunks, and index.js for who imports. Not minified: a stack trace from the field can be
 * read. Returns the paths of all bundled modules.
 */
export async function bundle(root) {
  const { rolldown } = await import("rolldown");
  const dist = join(root, "dist");
  const bundled = await rolldown({
    cwd: root,
    input: { main: "src/main.ts", index: "src/index.ts" },
    platform: "node",
    // Its other build (UMD) requires its parts in a way that no bundler sees.
    resolve: { alias: { "jsonc-parser": join(root, "node_modules/jsonc-parser/lib/esm/main.js") } },
    plugins: [onlyUsedOfUndici, onlyClientOfPg, commanderStartsNothing, ascii],
    logLevel: "warn",
  });
  const { output } = await bundled.write({
    dir: dist,
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    minify: false,
    // Half of commander is comments, and each start reads them.
    comments: { legal: true, annotation: false, jsdoc: false },
    codeSplitting: { groups: LOADED_TOGETHER },
  });
  await bundled.close();
  writeFileSync(join(dist, "index.js"), 'export * from "./index.cjs";\n');
  return output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
}
