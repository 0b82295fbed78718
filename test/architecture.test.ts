import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** Each folder of `src`, and the folders that it may import besides itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  shared: [],
  files: ["shared"],
  manifest: ["files", "shared"],
  server: ["files", "shared"],
  log: ["files", "shared"],
  plan: ["log", "manifest", "server", "files", "shared"],
  run: ["plan", "log", "manifest", "server", "shared"],
  reporter: ["shared"],
  results: ["reporter", "manifest", "shared"],
  sandbox: ["files", "shared"],
  cli: ["commands", "run", "results", "reporter", "sandbox", "shared"],
  commands: ["run", "plan", "log", "manifest", "server", "results", "reporter", "sandbox", "files", "shared"],
  "index.ts": ["cli", "commands", "shared"],
  "main.ts": ["cli", "commands", "reporter", "shared"],
};

/** Folders whose files are pure, but for those named below. */
const PURE_FOLDERS = ["shared", "manifest", "log", "plan", "results"];

/** The files of the pure folders that wait, read or write, or look at a clock. */
const WITH_EFFECTS = [
  "shared/time.ts",
  "log/copy.ts",
  "log/file/",
  "log/postgres/database.ts",
  "log/postgres/postgres-log.ts",
  "log/postgres/postgres-store.ts",
  "log/group-commit.ts",
  "log/heartbeat.ts",
  "log/open-log.ts",
  "log/port.ts",
  "manifest/read-manifest.ts",
  "plan/make-plan.ts",
  "plan/observe.ts",
  "plan/read-copies.ts",
  "plan/saved-plan.ts",
];

interface SourceFile {
  readonly path: string;
  readonly layer: string;
  readonly text: string;
  /** Files of src that it imports, whether as values or as types. */
  readonly imports: readonly string[];
  /** Of these, those that are loaded when it is. */
  readonly loads: readonly string[];
}

const files = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts"))
  .map(readSource);

function readSource(path: string): SourceFile {
  const text = readFileSync(join(SRC, path), "utf8");
  const found = [
    ...text.matchAll(/^(import|export)\s+(type\s)?[^;]*?from "(\.[^"]+)"|import\("(\.[^"]+)"\)|^import "(\.[^"]+)"/gms),
  ];
  const target = (match: RegExpMatchArray): string =>
    relative(SRC, resolve(SRC, dirname(path), match[3] ?? match[4] ?? match[5] ?? "")).replace(/\.js$/, ".ts");
  return {
    path,
    layer: path.split(/[\\/]/)[0] ?? path,
    text,
    imports: found.map(target),
    loads: found.filter((match) => match[2] === undefined && match[4] === undefined).map(target),
  };
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
}

describe("the architecture", () => {
  it("reads every file of src", () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.flatMap((file) => file.imports.filter((path) => !files.some((other) => other.path === path)))).toEqual(
      [],
    );
  });

  it("imports inwards only", () => {
    const outward = files.flatMap(({ path, layer, imports }) => {
      const allowed = [layer, ...(MAY_IMPORT[layer] ?? [])];
      return imports
        .filter((target) => !allowed.includes(target.split("/")[0] ?? ""))
        .map((target) => `${path} -> ${target}`);
    });
    expect(outward).toEqual([]);
  });

  it("has no circle of imports", () => {
    const byPath = new Map(files.map((file) => [file.path, file]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      if (done.has(path) || trail.includes(path)) return;
      for (const next of byPath.get(path)?.loads ?? []) visit(next, [...trail, path]);
      done.add(path);
    };
    for (const file of files) visit(file.path, []);
    expect(circles).toEqual([]);
  });

  it("reads the process in main.ts alone", () => {
    const readers = files.filter(
      ({ path, text }) => path !== "main.ts" && /(?<![.\w])process\./.test(withoutComments(text)),
    );
    expect(readers.map((file) => file.path)).toEqual([]);
  });

  it("never writes to a console", () => {
    expect(files.filter(({ text }) => /\bconsole\./.test(withoutComments(text))).map((file) => file.path)).toEqual([]);
  });

  it("keeps I/O, clocks and chance out of what is pure", () => {
    const impure = /\bawait\b|\basync\b|Date\.now|new Date\(\)|Math\.random|from "node:(?!crypto)/;
    const pure = files.filter(
      ({ path, layer }) => PURE_FOLDERS.includes(layer) && !WITH_EFFECTS.some((begin) => path.startsWith(begin)),
    );
    expect(pure.length).toBeGreaterThan(20);
    expect(pure.filter(({ text }) => impure.test(withoutComments(text))).map((file) => file.path)).toEqual([]);
  });

  it("opens files in src/files alone, but beside a log, in a folder of its own, and the program's own", () => {
    const opening = /\b(?:openSync|readFileSync|writeFileSync|createWriteStream|appendFile|readFile|writeFile)\(/;
    const openers = files
      .filter(({ layer, text }) => layer !== "files" && opening.test(withoutComments(text)))
      .map(({ path }) => path);
    expect(openers.sort()).toEqual([
      "commands/head-signature.ts",
      "commands/sandbox.ts",
      "log/file/disk.ts",
      "log/file/lock-files.ts",
      "main.ts",
    ]);
  });

  it("keeps every file small enough to be read in one sitting", () => {
    const long = files.filter(({ text }) => text.split("\n").length > 400).map((file) => file.path);
    expect(long).toEqual([]);
  });
});
