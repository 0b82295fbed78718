// Of the declarations that the compiler makes, a library's user needs those that index.d.ts reaches, and no others.
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";

/** Removes what `entry` does not reach. Throws where it reaches a package: that one would have to be installed. */
export function keepReachable(folder, entry) {
  const reached = new Set();
  visit(resolve(folder, entry), reached);
  for (const path of readdirSync(folder, { recursive: true, encoding: "utf8" }))
    if (path.endsWith(".d.ts") && !reached.has(resolve(folder, path))) rmSync(join(folder, path));
  removeEmpty(folder);
}

function visit(file, reached) {
  if (reached.has(file)) return;
  reached.add(file);
  for (const [, specifier] of readFileSync(file, "utf8").matchAll(/(?:from\s+|import\()"([^"]+)"/g)) {
    if (!specifier.startsWith("."))
      throw new Error(`${file}: the public types need ${specifier}, which nobody installs`);
    visit(resolve(dirname(file), specifier.replace(/\.js$/, ".d.ts")), reached);
  }
}

function removeEmpty(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) continue;
    removeEmpty(path);
    if (readdirSync(path).length === 0) rmSync(path, { recursive: true });
  }
}
