import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ManifestDefaults } from "../../src/manifest/manifest.js";
import { renderName } from "../../src/manifest/names.js";
import { readManifestFile } from "../../src/manifest/read-manifest.js";
import { MANIFEST_SCHEMA } from "../../src/manifest/schema.js";
import { app, FLAGS, faultsOf, MASTER, MONTHLY, NO_DEFAULTS, refusalOf } from "../support/manifests.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "manifest-"));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const readFile = (path: string, defaults: ManifestDefaults = NO_DEFAULTS) => readManifestFile(path, { defaults });
const codesOf = async (path: string) =>
  (await refusalOf(readFile(path, FLAGS)))?.problems.map((problem) => [problem.code, problem.file]);

describe("readManifestFile", () => {
  it("reads a file, and knows it by its name", async () => {
    const path = join(folder, "customers.csv");
    await writeFile(path, `tenant,appId\nacme,${app(1)}\n`);
    expect(await readFile(path, FLAGS)).toMatchObject({
      path,
      fileName: "customers.csv",
      tenants: [{ tenant: "acme" }],
    });
  });

  it("refuses a file that is not there, and a folder", async () => {
    const missing = join(folder, "nope.csv");
    expect(await codesOf(missing)).toEqual([["MANIFEST_UNREADABLE", missing]]);
    expect(await codesOf(folder)).toEqual([["MANIFEST_UNREADABLE", folder]]);
  });

  it("refuses a file that is longer than any text may be", async () => {
    const path = join(folder, "tenants.csv");
    await writeFile(path, "tenant,appId\n");
    await truncate(path, 257 * 1024 * 1024);
    const refusal = await refusalOf(readFile(path, FLAGS));
    expect(refusal).toMatchObject({ exitCode: 2, problems: [{ code: "MANIFEST_UNREADABLE", file: path }] });
    expect(refusal?.message).toContain("larger than 256 MB");
  });

  it.each(["tenants.xls", "tenants.csv"])("refuses an old workbook by its content, also as %s", async (name) => {
    const path = join(folder, name);
    await writeFile(path, Buffer.from("d0cf11e0a1b11ae1", "hex"));
    expect(await codesOf(path)).toEqual([["WORKBOOK", path]]);
  });

  it("shows the value by which it guessed the encoding", async () => {
    const path = join(folder, "customers.csv");
    await writeFile(path, Buffer.from(`tenant;appId\nM\xfcller;${app(1)}\n`, "latin1"));
    const manifest = await readFile(path, FLAGS);
    expect(manifest.tenants[0]?.tenant).toBe("Müller");
    expect(manifest.warnings).toMatchObject([{ code: "ENCODING_GUESSED", file: path, line: 2, value: "Müller" }]);
  });

  it("reads the encoding that is stated", async () => {
    const faults = await faultsOf(Buffer.from("t\xe9nant,appId\nx,y", "latin1"), { encoding: "utf-8" });
    expect(faults).toMatchObject([{ code: "ENCODING_INVALID", line: 1 }]);
  });

  it("is not guessed where the mark says UTF-8: what is none is a fault", async () => {
    const faults = await faultsOf(Buffer.from(`\xef\xbb\xbftenant,appId\nM\xfcller,${app(1)}`, "latin1"));
    expect(faults).toMatchObject([
      { code: "ENCODING_INVALID", line: 2, hint: expect.stringContaining("mark of utf-8") },
    ]);
  });
});

const example = (name: string) => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url));

describe("the examples", () => {
  it.each(["tenants.csv", "tenants.json"])("%s lists twelve tenants and needs no flag", async (name) => {
    const manifest = await readFile(example(name));
    expect(manifest.tenants).toHaveLength(12);
    expect(manifest.tenants[11]).toMatchObject({
      tenant: "massive-dynamic",
      sourceTaskId: MONTHLY,
      desired: [{ report: undefined, qlikAppId: MASTER, newQlikAppId: app(12) }],
    });
    expect(manifest.warnings).toEqual([]);
  });

  it("customers-excel.csv is as Excel writes it: semicolons, Windows-1252, columns for the name", async () => {
    const manifest = await readFile(example("customers-excel.csv"), {
      ...FLAGS,
      nameTemplate: "{region} {contract no} {tenant}",
    });
    const names = manifest.tenants.map((tenant) => renderName(tenant.nameTemplate, { ...tenant, task: undefined }));
    expect(names.slice(0, 2)).toEqual([{ name: "CH 4711 Zürich Versicherung" }, { name: "FR 0815 Crédit du Léman" }]);
    expect(manifest.tenants.map((tenant) => tenant.enabled)).toEqual([true, true, true, false]);
    expect(manifest.warnings.map((warning) => warning.code)).toEqual(["ENCODING_GUESSED"]);
  });

  it("per-report.csv and mappings.json name their reports one by one", async () => {
    const perReport = await readFile(example("per-report.csv"));
    expect(perReport.tenants.map((tenant) => tenant.desired.length)).toEqual([3, 3, 3]);
    const mappings = await readFile(example("mappings.json"));
    expect(mappings.tenants.map((tenant) => tenant.desired.length)).toEqual([1, 3, 0]);
  });

  it.each(["tenants.json", "mappings.json"])("%s is as the manifest's schema says", async (name) => {
    const { default: content } = await import(example(name), { with: { type: "json" } });
    expect(MANIFEST_SCHEMA.safeParse(content).error).toBeUndefined();
    expect(MANIFEST_SCHEMA.safeParse({ ...content, sourceTaskId: 7 }).success).toBe(false);
  });
});
