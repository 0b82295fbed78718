import { describe, expect, it } from "vitest";
import { readAppsFile } from "../../src/manifest/apps.js";
import { EXIT, type Problem, StopError } from "../../src/shared/problems.js";
import { atOnce } from "../../src/shared/steps.js";
import { app } from "../support/manifests.js";

const FILE = "apps.json";
const apps = (content: string | Uint8Array) =>
  atOnce(readAppsFile(typeof content === "string" ? Buffer.from(content) : content, FILE));

function faults(content: string | Uint8Array): readonly Problem[] {
  try {
    apps(content);
  } catch (error) {
    if (!(error instanceof StopError)) throw error;
    expect(error.exitCode).toBe(EXIT.usage);
    return error.problems;
  }
  throw new Error("the list was accepted");
}

const TWO = [
  { id: app(1), name: "Sales - acme" },
  { id: app(2), name: "Sales - globex" },
];

describe("readAppsFile", () => {
  it.each([
    ["the QRS API", JSON.stringify(TWO.map((one) => ({ ...one, published: true, owner: { id: "x" } })))],
    [
      "qlik app ls --json, whose own id is no app's",
      JSON.stringify(TWO.map(({ id, name }, n) => ({ id: `61f${n}`, resourceId: id, name, resourceType: "app" }))),
    ],
    ["a list under data", JSON.stringify({ data: TWO, links: {} })],
    ["entries that keep all under attributes", JSON.stringify(TWO.map((attributes) => ({ attributes })))],
    [
      "PowerShell's Export-Csv",
      `#TYPE Qlik.App\r\n"id","name"\r\n${TWO.map((one) => `"${one.id}","${one.name}"\r\n`).join("")}`,
    ],
    [
      "columns of other names",
      `App Name;App ID\n${TWO.map((one) => `${one.name};{${one.id.toUpperCase()}}`).join("\n")}`,
    ],
  ])("reads what %s writes", (_, content) => {
    expect(apps(content)).toEqual(TWO);
  });

  it("reads UTF-16, as PowerShell's > writes it", () => {
    expect(apps(Buffer.from(`\ufeff${JSON.stringify(TWO)}`, "utf16le"))).toEqual(TWO);
  });

  it("reads one app alone, lists each app once, and leaves out what is no app", () => {
    expect(apps(JSON.stringify(TWO[0]))).toEqual([TWO[0]]);
    expect(apps(JSON.stringify([...TWO, { ...TWO[0], name: "again" }, { resourceType: "dataset", id: "x" }]))).toEqual(
      TWO,
    );
    expect(apps(`id\n${app(1)}`)).toEqual([{ id: app(1), name: "" }]);
  });

  it("tells every entry without an app's ID, with its line", () => {
    expect(faults(`[\n{"name":"a"},\n{"id":"61f0","name":"b"},\n"c",\n{"id":"${app(1)}"}]`)).toMatchObject([
      { code: "APPS_FILE_ID", line: 2, file: FILE },
      { code: "APPS_FILE_ID", line: 3, value: "61f0" },
      { code: "APPS_FILE_ID", line: 4 },
    ]);
    expect(faults(`id,name\n,a\n`)).toMatchObject([{ code: "APPS_FILE_ID", line: 2, column: "id" }]);
  });

  it.each([
    ["nothing", "", "APPS_FILE_EMPTY"],
    ["an empty list", "[]", "APPS_FILE_EMPTY"],
    ["no list", "{", "JSON_SYNTAX"],
    ["a table without IDs", "name,owner\na,b", "APPS_FILE_COLUMNS"],
    ["rows that do not fit", `id,name\n${app(1)}`, "FIELD_COUNT"],
    ["a workbook", "PK\u0003\u0004", "WORKBOOK"],
  ])("refuses %s", (_, content, code) => {
    expect(faults(content).map((fault) => fault.code)).toEqual([code]);
  });

  it("takes no longer for attributes in attributes", () => {
    const many = Array.from({ length: 20_000 }, (_, n) => `"k${n}":1`).join(",");
    const text = `[${'{"attributes":'.repeat(900)}{"id":"${app(1)}",${many}}${"}".repeat(900)}]`;
    const begun = performance.now();
    expect(apps(text)).toEqual([{ id: app(1), name: "" }]);
    expect(performance.now() - begun).toBeLessThan(2000);
  });
});
