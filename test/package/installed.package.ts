import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FIRST_SOURCE_TASK_ID, MASTER_APP_ID } from "../../src/sandbox/world.js";
import { openStage } from "../support/stage.js";
import { type Installed, installedPackages, installPacked, runFile } from "./packed.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

let installed: Installed;

beforeAll(async () => {
  installed = await installPacked();
});

afterAll(() => installed.remove());

describe("the packed file", () => {
  it("holds the program, its types, licences, examples and pages, and nothing else", () => {
    const expected = [
      /^(package\.json|README\.md|LICENSE|CHANGELOG\.md|CODES\.md|SECURITY\.md)$/,
      /^bin\/(qalyptus-propagate\.js|package\.json)$/,
      /^dist\/([\w-]+\.c?js|THIRD-PARTY-LICENSES\.txt|sbom\.cdx\.json)$/,
      /^dist\/types\/[\w/-]+\.d\.ts$/,
      /^docs\/[\w-]+\.md$/,
      /^examples\/(ci\/(log-on-a-branch\/)?[\w-]+\.yml|postgres\/log\.sql|[\w.-]+\.(csv|json|ps1)|\.gitattributes)$/,
    ];
    expect(installed.files.filter((path) => !expected.some((pattern) => pattern.test(path)))).toEqual([]);
    for (const pattern of expected)
      expect(
        installed.files.some((path) => pattern.test(path)),
        String(pattern),
      ).toBe(true);
  });

  it("installs without a registry, and brings no other package", async () => {
    expect(await installedPackages(installed)).toEqual(["qalyptus-propagate"]);
  });

  it.skipIf(process.platform === "win32")(
    "is installed by the pipelines' line where its digest is the release's, and refused where one byte differs",
    async () => {
      const page = await readFile(join(ROOT, "examples", "ci", "github-actions.yml"), "utf8");
      const line = /run: (sha256sum .*)/.exec(page)?.[1] ?? "";
      const tools = join(installed.folder, "tools");
      const archive = join(tools, basename(installed.archive));
      await mkdir(tools);
      await copyFile(installed.archive, archive);
      const content = await readFile(archive);
      const digest = createHash("sha256").update(content).digest("hex");
      await writeFile(join(tools, "SHA256SUMS"), `${digest}  ${basename(archive)}\n`);
      const install = (prefix: string) =>
        runFile("sh", ["-c", line], {
          cwd: tools,
          env: { npm_config_prefix: join(tools, prefix), npm_config_cache: join(tools, "cache") },
        });
      expect(await install("right")).toMatchObject({ code: 0 });
      const program = join(tools, "right", "bin", "qalyptus-propagate");
      expect(await runFile(program, ["--version"], { cwd: tools, env: {} })).toMatchObject({ code: 0 });
      const middle = content.length >> 1;
      content.writeUInt8(content.readUInt8(middle) ^ 1, middle);
      await writeFile(archive, content);
      expect((await install("wrong")).code).not.toBe(0);
      expect(existsSync(join(tools, "wrong"))).toBe(false);
    },
  );

  it("names the licence of each package whose code it holds", async () => {
    const text = await readFile(join(installed.packageFolder, "dist", "THIRD-PARTY-LICENSES.txt"), "utf8");
    for (const name of ["chalk", "commander", "csv-parse", "ora", "p-limit", "undici", "zod"])
      expect(text).toMatch(new RegExp(`^${name} \\d`, "m"));
  });

  it("tells its version, its help and its schema", async () => {
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
    expect(await installed.run(["--version"])).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
    expect((await installed.run(["--help"])).stdout).toContain("Usage: ");
    expect(JSON.parse((await installed.run(["schema"])).stdout)).toHaveProperty("$schema");
  });

  it("plays the demo to its proof", async () => {
    const { code, stdout } = await installed.run(["demo"]);
    expect(code).toBe(0);
    expect(stdout).toContain("ok  120 copies for 120 tenants");
    expect(stdout).toContain("ok  0 twins");
  });

  it("syncs an example against a sandbox", async () => {
    const stage = await openStage();
    const manifest = join(installed.packageFolder, "examples", "tenants.csv");
    const log = join(stage.folder, "log.idempotency.jsonl");
    const args = ["sync", manifest, "--server", stage.sandbox.url, "--idempotency-log", log, "--verify"];
    const { code, stderr } = await installed.run(args, { env: { QALYPTUS_API_KEY: stage.sandbox.key } });
    expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
    expect(stage.copies()).toHaveLength(12);
  });

  it("is a library: the docs' example compiles against its types alone, and runs", async () => {
    const page = await readFile(join(ROOT, "docs", "library.md"), "utf8");
    const example = /^```ts\n([\s\S]*?)^```/m.exec(page)?.[1] ?? "";
    expect(example).toContain('from "qalyptus-propagate"');
    await writeFile(join(installed.folder, "example.ts"), example);
    const compiler = join(ROOT, "node_modules", "typescript", "bin", "tsc");
    const strict = ["--strict", "--module", "nodenext", "--target", "es2023", "--skipLibCheck", "false"];
    const types = ["--typeRoots", join(ROOT, "node_modules", "@types"), "--types", "node"];
    const compiled = await runFile(process.execPath, [compiler, ...strict, ...types, "example.ts"], {
      cwd: installed.folder,
      env: {},
    });
    expect(compiled).toMatchObject({ code: 0, stdout: "" });
    const stage = await openStage();
    const shape = `,${MASTER_APP_ID},${FIRST_SOURCE_TASK_ID}`;
    const rows = ["acme,22222222-0000-4000-8000-000000000001", "globex,22222222-0000-4000-8000-000000000002"];
    await writeFile(
      join(stage.folder, "customers.csv"),
      ["tenant,newQlikAppId,qlikAppId,sourceTaskId", ...rows.map((row) => row + shape), ""].join("\n"),
    );
    const ran = await runFile(process.execPath, [join(installed.folder, "example.js")], {
      cwd: stage.folder,
      env: { QALYPTUS_SERVER: stage.sandbox.url, QALYPTUS_API_KEY: stage.sandbox.key },
    });
    expect(ran).toMatchObject({ code: 0, stderr: "" });
    expect(ran.stdout).toContain("acme: create, succeeded");
    expect(stage.copies()).toHaveLength(2);
  });
});
