import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { COMMANDS } from "../../src/cli/command-table.js";
import { MANIFEST_SCHEMA } from "../../src/manifest/schema.js";
import { EXIT } from "../../src/shared/problems.js";

const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), "utf8");
const readme = read("README.md");

describe("the README", () => {
  it.each(COMMANDS.map((command) => command.name))("names the command %s", (name) => {
    expect(readme).toContain(`\`${name}`);
  });

  const flags = [...new Set(COMMANDS.flatMap((command) => command.options.map((option) => option.long)))];
  it.each(flags)("tells what %s is", (flag) => {
    expect(readme).toMatch(new RegExp(`\`[^\`\\n]*${flag}\\b[^\`\\n]*\``));
  });

  it.each(Object.values(EXIT))("tells what exit code %i means", (code) => {
    expect(readme).toMatch(new RegExp(`^\\| (?:\\d+, )?${code}(?:, \\d+)? \\|`, "m"));
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
