import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { COMMANDS } from "../../src/cli/command-table.js";
import { MANIFEST_SCHEMA } from "../../src/manifest/schema.js";
import { EXIT } from "../../src/shared/problems.js";
import { pagesOfDocs } from "./shell-lines.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

describe("the README", () => {
  it("is read in one go: 200 lines at most", () => {
    expect(read("README.md").split("\n").length).toBeLessThanOrEqual(201);
  });

  it("lists every page of docs, and the package ships them", async () => {
    const pages = readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`);
    expect((await pagesOfDocs()).slice(1).toSorted()).toEqual(pages.toSorted());
    expect(JSON.parse(read("package.json"))).toMatchObject({ files: expect.arrayContaining(["docs"]) });
  });
});

describe("the page of commands and options", () => {
  const page = read("docs/commands.md");

  it.each(COMMANDS.map((command) => command.name))("names the command %s", (name) => {
    expect(page).toContain(`\`${name}`);
  });

  const flags = [...new Set(COMMANDS.flatMap((command) => command.options.map((option) => option.long)))];
  it.each(flags)("tells what %s is", (flag) => {
    expect(page).toMatch(new RegExp(`\`[^\`\\n]*${flag}\\b[^\`\\n]*\``));
  });

  it("gives each command the options that it has, and no other", () => {
    const told = new Map<string, Set<string>>();
    let command = "sync";
    for (const row of page.slice(page.indexOf("## Options of the other commands")).split("\n")) {
      const [, name = "", options = ""] = row.replaceAll("\\|", "").split("|");
      command = /`(.*)`/.exec(name)?.[1] ?? command;
      const flags = [...options.matchAll(/--[a-z][a-z-]+/g)].map(([flag]) => flag);
      told.set(command, new Set([...(told.get(command) ?? []), ...flags]));
    }
    const everywhere = ["--quiet", "--verbose", "--no-color", "--help", "--version"];
    for (const { name, options } of COMMANDS.filter((each) => each.name !== "sync")) {
      const flags = options.map((option) => option.long).filter((flag) => !everywhere.includes(flag));
      expect([...(told.get(name) ?? [])].toSorted(), name).toEqual(flags.toSorted());
    }
  });

  it.each(Object.values(EXIT))("tells what exit code %i means", (code) => {
    expect(page).toMatch(new RegExp(`^\\| (?:\\d+, )*${code}(?:, \\d+)* \\|`, "m"));
  });
});

/** A heading's anchor, as GitHub makes it. */
function anchorOf(heading: string): string {
  const text = heading.replace(/\[(.*?)\]\(.*?\)/g, "$1").toLowerCase();
  return text.replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
}

function anchorsOf(page: string): readonly string[] {
  const prose = page.replace(/^```[\s\S]*?^```/gm, "");
  return [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));
}

describe("the links of the pages", () => {
  const pages = [
    "README.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    ...readdirSync(join(ROOT, "docs")).map((name) => `docs/${name}`),
  ];
  it.each(pages)("of %s lead to files and headings that are there", (path) => {
    const links = [...read(path).matchAll(/(?:\]\(|(?:src|srcset)=")([^)"\s]+)/g)].map(([, link = ""]) => link);
    const dead = links.filter((link) => {
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? path : join(dirname(path), file);
      if (/^https?:/.test(link)) return false;
      return !existsSync(join(ROOT, target)) || (anchor !== undefined && !anchorsOf(read(target)).includes(anchor));
    });
    expect(dead).toEqual([]);
  });
});

describe("the examples' schema", () => {
  it("is what `schema` prints (node bin/qalyptus-propagate.js schema > examples/manifest.schema.json)", () => {
    const schema = { ...z.toJSONSchema(MANIFEST_SCHEMA, { io: "input" }), title: "qalyptus-propagate manifest" };
    expect(JSON.parse(read("examples/manifest.schema.json"))).toEqual(JSON.parse(JSON.stringify(schema)));
  });

  it("is named by the JSON examples that can name one", () => {
    for (const name of ["tenants.json", "mappings.json"]) {
      const manifest: unknown = JSON.parse(read(`examples/${name}`));
      if (!Array.isArray(manifest)) expect(manifest).toMatchObject({ $schema: "./manifest.schema.json" });
    }
  });
});
