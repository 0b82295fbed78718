import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { ERROR_CODES, type ErrorCodeGroup } from "../../src/shared/codes.js";
import { codesPage } from "./codes-page.js";
import { pagesOfDocs, readPage } from "./shell-lines.js";

const SRC = fileURLToPath(new URL("../../src", import.meta.url));
const TABLE = "shared/codes.ts";

/** Upper-case words in quotes that are no codes of ours: variables of the environment, and what the system and libraries say. */
const OTHERS = new Set([
  ...["HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "QALYPTUS_API_KEY", "QALYPTUS_SERVER", "QALYPTUS_IDEMPOTENCY_LOG"],
  // Shown by -v as what became of a request.
  "PROXY_TIMEOUT",
]);
const OF_OTHERS = /^(UND_ERR|CERT|UNABLE|ERR|DEPTH_ZERO|SELF_SIGNED|CSV)_/;

const sources = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".ts") && path !== TABLE.replaceAll("/", process.platform === "win32" ? "\\" : "/"))
  .map((path) => readFileSync(join(SRC, path), "utf8"));

/** Each `"TWO_WORDS"` of the sources, each `problem("WORD"` and `stopError(EXIT.usage, "WORD"`, and each `"WORD"` behind `code:`, `code =` or `code ===` on its line. */
function codesOf(text: string): readonly string[] {
  const made = [...text.matchAll(/\b(?:problem\(|stopError\([^",]+,)\s*"([A-Z_]+)"/g)].map((match) => match[1] ?? "");
  const told = text.split("\n").flatMap((line) => {
    const behind = /\bcode\b["']?\s*(?::|={1,3}|\?\?|!==)(.*)/.exec(line)?.[1] ?? "";
    const words = [...behind.matchAll(/"([A-Z][A-Z0-9]+)"/g)].filter(([, word]) => !/^E[A-Z]+$/.test(word ?? ""));
    return [...line.matchAll(/"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)"/g), ...words].map((match) => match[1] ?? "");
  });
  return [...made, ...told];
}

const groups: readonly ErrorCodeGroup[] = ERROR_CODES;
const listed = groups.flatMap((group) => Object.keys(group.codes));
const used = new Set(sources.flatMap(codesOf).filter((word) => !OTHERS.has(word) && !OF_OTHERS.test(word)));

describe("the table of codes", () => {
  it("explains every code that the sources can tell", () => {
    expect(used.size).toBeGreaterThan(150);
    expect([...used].filter((code) => !listed.includes(code))).toEqual([]);
  });

  it("explains no code that nothing tells any more, and none twice", () => {
    expect(listed.filter((code) => !used.has(code))).toEqual([]);
    expect(new Set(listed).size).toBe(listed.length);
  });

  it("has one sentence for the meaning and one for the next step, fit for a table", () => {
    for (const [code, sentences] of groups.flatMap((group) => Object.entries(group.codes)))
      for (const sentence of sentences) expect(sentence, code).toMatch(/^[A-Z`][^|\n]*[.)]$/);
  });

  it("lists each group in the order of the alphabet", () => {
    for (const { title, codes } of groups)
      expect(Object.keys(codes), title).toEqual(Object.keys(codes).toSorted((a, b) => (a < b ? -1 : 1)));
  });

  it("is what CODES.md shows (npm run codes writes it)", async () => {
    await expect(codesPage()).toMatchFileSnapshot("../../CODES.md");
  });

  it("has every code that the README and the docs name", async () => {
    const pages = await Promise.all((await pagesOfDocs()).map(readPage));
    const named = [...pages.join("\n").matchAll(/`([A-Z]+(?:_[A-Z]+)*)`/g)].map((match) => match[1] ?? "");
    const codes = named.filter((word) => listed.includes(word) || /_/.test(word));
    expect(codes.length).toBeGreaterThan(5);
    const variables = /^(QALYPTUS_|NO_PROXY$|HTTPS?_PROXY$|NO_COLOR$|NODE_EXTRA_CA_CERTS$|FORCE_COLOR$|GITHUB_)/;
    expect(codes.filter((word) => !variables.test(word) && !listed.includes(word))).toEqual([]);
  });
});
