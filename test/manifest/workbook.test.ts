import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { zipOf } from "../../src/files/zip.js";
import { draftAsWorkbook } from "../../src/manifest/workbook-draft.js";
import { StopError } from "../../src/shared/problems.js";
import { app, appId, faultsOf, MASTER, MONTHLY, NO_DEFAULTS, read, refusalOf, taskId } from "../support/manifests.js";
import { type Cell, number, partsOf, sheetXml, typed, workbook } from "../support/workbooks.js";

const HEADER = ["tenant", "appId"];
const PATH = { path: "tenants.xlsx" };
const table = (...rows: Cell[][]) => workbook({ rows: [HEADER, ...rows] });
const tenantsOf = async (bytes: Buffer) => (await read(bytes, PATH)).tenants.map(({ tenant }) => tenant);
const warningsOf = async (bytes: Buffer) => (await read(bytes, PATH)).warnings.map(({ code }) => code);
const faultIn = async (bytes: Buffer) => (await refusalOf(read(bytes, PATH)))?.problems[0];

describe("a workbook", () => {
  it("is read as a CSV is: texts stay texts, empty rows and columns count for nothing", async () => {
    const rows = [["", ""], [...HEADER, ""], ["007", app(7), ""], ["", "", ""], [" Müller & Co ", app(2)], [""]];
    const { tenants, fileName } = await read(workbook({ rows }), PATH);
    expect(tenants.map(({ tenant, line }) => [tenant, line])).toEqual([
      ["007", 3],
      ["Müller & Co", 5],
    ]);
    expect(fileName).toBe("tenants.xlsx");
  });

  it("is known by its content, whatever its name", async () => {
    expect((await read(table(["acme", app(1)]), { path: "tenants.csv" })).tenants).toHaveLength(1);
  });

  it("has its first visible sheet read, or the one of --sheet", async () => {
    const sheets = [
      { name: "Old", state: "hidden", rows: [HEADER, ["old", app(1)]] },
      { name: "Kunden 2026", rows: [HEADER, ["new", app(2)]] },
    ];
    expect(await tenantsOf(workbook(...sheets))).toEqual(["new"]);
    expect((await read(workbook(...sheets), { ...PATH, sheet: "old" })).tenants[0]?.tenant).toBe("old");
    const refused = await refusalOf(read(workbook(...sheets), { ...PATH, sheet: "Kunde 2026" }));
    expect(refused).toMatchObject({
      exitCode: 2,
      problems: [{ code: "SHEET_UNKNOWN", hint: 'Is "Kunden 2026" meant?' }],
    });
    const [fault] = await faultsOf(workbook({ name: "Kunden 2026", rows: [HEADER, ["acme", "x"]] }), PATH);
    expect(fault).toMatchObject({ line: 2, column: "appId ('Kunden 2026'!B2)" });
  });

  it("has options that serve nothing told", async () => {
    const warned = await read(table(["acme", app(1)]), { ...PATH, encoding: "utf-8" });
    expect(warned.warnings).toMatchObject([{ code: "OPTION_UNUSED" }]);
    const csv = await read(`tenant,appId\nacme,${app(1)}\n`, { sheet: "A" });
    expect(csv.warnings).toMatchObject([{ code: "OPTION_UNUSED" }]);
  });

  it.each<[string, Cell[], string, string]>([
    ["a date as tenant", [number(45_000, 2), app(1)], "CELL_NOT_TEXT", "tenant (Sheet1!A2)"],
    ["a number that shows more zeros", [number(7, 1), app(1)], "CELL_NOT_TEXT", "tenant (Sheet1!A2)"],
    ["a number that is shown shortened", [number("1.5E+15"), app(1)], "CELL_NOT_TEXT", "tenant (Sheet1!A2)"],
    ["a fraction", [number(1.5), app(1)], "CELL_NOT_TEXT", "tenant (Sheet1!A2)"],
    ["a truth value", [typed("b", "<v>1</v>"), app(1)], "CELL_NOT_TEXT", "tenant (Sheet1!A2)"],
    ["a number as ID", ["acme", number(12)], "CELL_NOT_TEXT", "appId (Sheet1!B2)"],
    ["an error", ["acme", typed("e", "<f>A9</f><v>#N/A</v>")], "FORMULA_ERROR", "appId (Sheet1!B2)"],
    ["an error as tenant", [typed("e", "<v>#REF!</v>"), app(1)], "FORMULA_ERROR", "tenant (Sheet1!A2)"],
    ["a formula without value", ["acme", typed("str", "<f>A9</f>")], "FORMULA_UNCALCULATED", "appId (Sheet1!B2)"],
    ["an empty cell", ["acme", ""], "VALUE_MISSING", "appId (Sheet1!B2)"],
    ["no GUID", ["acme", "x"], "NOT_A_GUID", "appId (Sheet1!B2)"],
  ])("names the cell of %s", async (_, row, code, column) => {
    const problems = (await refusalOf(read(table(row), PATH)))?.problems;
    expect(problems).toMatchObject([{ code, column, line: 2, file: "tenants.xlsx" }]);
  });

  it("gives plain numbers as tenants, with one warning, and switches of all kinds", async () => {
    const rows = [
      [...HEADER, "enabled"],
      [number(7), app(1), number(1)],
      [number(80, 3), app(2), typed("b", "<v>0</v>")],
    ];
    const { tenants, warnings } = await read(workbook({ rows }), PATH);
    expect(tenants.map(({ tenant, enabled }) => [tenant, enabled])).toEqual([
      ["7", true],
      ["80", false],
    ]);
    expect(warnings).toMatchObject([{ code: "NUMBERS_AS_TEXT", column: "tenant (Sheet1!A2)" }]);
  });

  it("gives formulas by the value that was saved, and other columns to names", async () => {
    const rows = [
      [...HEADER, "since", "size"],
      [typed("str", "<f>A9</f><v>acme</v>"), app(1), number(45_000, 2), number(0.1 + 0.2)],
    ];
    const { tenants } = await read(workbook({ rows }), PATH);
    expect([tenants[0]?.tenant, tenants[0]?.columns.get("since"), tenants[0]?.columns.get("size")]).toEqual([
      "acme",
      "2023-03-15",
      "0.3",
    ]);
  });

  it("has its hidden rows read, and told; merged cells are told as in a CSV", async () => {
    const rows = [HEADER, ["acme", app(1)], ["globex", app(2)]];
    const manifest = await read(workbook({ rows, hidden: [3] }), PATH);
    expect(manifest.tenants).toHaveLength(2);
    expect(manifest.warnings).toMatchObject([{ code: "HIDDEN_ROWS", line: 3 }]);
    const fault = await faultIn(table(["acme", app(1)], ["", app(2)]));
    expect(fault).toMatchObject({ code: "VALUE_MISSING", column: "tenant (Sheet1!A3)" });
    expect(fault?.hint).toContain("unmerge");
  });

  it("has a title above its header told, and two headers of one meaning by their cells", async () => {
    expect(await faultIn(workbook({ rows: [["Our customers"], HEADER, ["acme", app(1)]] }))).toMatchObject({
      code: "HEADER_BELOW",
      line: 2,
    });
    const twice = workbook({
      rows: [
        ["tenant", "appId", "appId"],
        ["acme", app(1), app(2)],
      ],
    });
    expect(await faultIn(twice)).toMatchObject({ code: "COLUMN_TWICE", column: "appId (Sheet1!C1)" });
  });

  it("is read as others write it: rich and phonetic text, escapes, prefixes, strict names, cells without references", async () => {
    const parts = partsOf([{ rows: [] }]);
    const prefixed = `<x:worksheet xmlns:x="http://purl.oclc.org/ooxml/spreadsheetml/main"><x:sheetData><x:row><x:c t="s"><x:v>0</x:v></x:c><x:c t="s"><x:v>1</x:v></x:c></x:row><x:row><x:c t="s"><x:v>2</x:v></x:c><x:c t="str"><x:v>${app(1)}</x:v></x:c></x:row></x:sheetData></x:worksheet>`;
    const texts = `<sst><si><t>ten</t></si><si><t>appId</t></si><si><r><t xml:space="preserve">A </t></r><r><t>&amp; B_x005F_x0041_ &#x1F600;&#128512;</t></r><rPh sb="0" eb="1"><t>no</t></rPh></si></sst>`;
    const all = {
      ...parts,
      "xl/worksheets/sheet1.xml": prefixed,
      "xl/sharedStrings.xml": texts.replace("ten<", "tenant<"),
    };
    const strict = Object.fromEntries(
      Object.entries(all).map(([name, xml]) => [
        name,
        xml.replaceAll(
          "http://schemas.openxmlformats.org/officeDocument/2006/",
          "http://purl.oclc.org/ooxml/officeDocument/",
        ),
      ]),
    );
    for (const one of [all, strict]) expect(await tenantsOf(zipOf(one))).toEqual(["A & B_x0041_ 😀😀"]);
  });

  it.each(["&#x1F600;", "😀", "&amp;"])("has %s read where one step of reading ends within it", async (letter) => {
    const note: Cell = typed("inlineStr", `<is><t>${letter.repeat(1000)}</t></is>`);
    const tenants = Array.from({ length: Math.ceil(1_200_000 / (letter.length * 1000)) }, (_, at) => at + 1);
    const rows = tenants.map((at): Cell[] => [`t${at}`, app(at), note]);
    const { rows: found } = await read(workbook({ rows: [[...HEADER, "note"], ...rows] }), PATH);
    const texts = new Set(found.map(({ cells }) => cells[2]));
    expect([...texts]).toEqual([(letter === "&amp;" ? "&" : "😀").repeat(1000)]);
  });

  it("saved by LibreOffice is read", async () => {
    const bytes = readFileSync(fileURLToPath(new URL("../fixtures/xlsx/libreoffice.xlsx", import.meta.url)));
    const { tenants, warnings } = await read(bytes, PATH);
    expect(tenants.map(({ tenant }) => tenant)).toEqual(["007", "Müller & Söhne"]);
    expect(warnings).toEqual([]);
  });

  it("of 50,000 rows is read in a few seconds", async () => {
    const rows = Array.from({ length: 50_000 }, (_, n) => [`t${n}`, app(n)]);
    const bytes = table(...rows);
    const begun = performance.now();
    expect((await read(bytes, PATH)).tenants).toHaveLength(50_000);
    expect(performance.now() - begun).toBeLessThan(8000);
  });
});

describe("what is no workbook that is read", () => {
  const good = partsOf([{ rows: [HEADER, ["acme", app(1)]] }]);
  const compound = (text: string) =>
    Buffer.concat([Buffer.from("d0cf11e0a1b11ae1", "hex"), Buffer.alloc(600), Buffer.from(text, "utf16le")]);
  const types = (type: string) => ({
    ...good,
    "[Content_Types].xml": `<Types><Override ContentType="application/vnd.ms-excel.${type}+xml"/></Types>`,
  });
  const sheet = (xml: string) => ({ ...good, "xl/worksheets/sheet1.xml": xml });
  it.each<[string, Buffer, string, string]>([
    ["macros", zipOf({ ...good, "xl/vbaProject.bin": "" }), "WORKBOOK", "macros"],
    ["macros by type", zipOf(types("sheet.macroEnabled.main")), "WORKBOOK", "macros"],
    ["a binary one", zipOf(types("sheet.binary.macroEnabled.main")), "WORKBOOK", ".xlsb"],
    ["a password", compound("EncryptedPackage"), "WORKBOOK", "password"],
    ["an old one", compound("Workbook"), "WORKBOOK", ".xls"],
    ["OpenDocument", zipOf({ mimetype: "x", "content.xml": "<a/>" }), "WORKBOOK", ".ods"],
    ["another archive", zipOf({ "a.txt": "x" }), "WORKBOOK", "no Excel workbook"],
    [
      "a bomb",
      zipOf(sheet(`<worksheet>${" ".repeat(130 * 1024 * 1024)}</worksheet>`)),
      "WORKBOOK_DAMAGED",
      "more than is read",
    ],
    [
      "entities",
      zipOf(sheet(`<!DOCTYPE a [<!ENTITY b "c">]>${sheetXml({ rows: [HEADER] })}`)),
      "WORKBOOK_DAMAGED",
      "no XML",
    ],
    ["broken XML", zipOf(sheet("<worksheet><sheetData></worksheet>")), "WORKBOOK_DAMAGED", "no XML"],
    [
      "a text that is not there",
      zipOf(sheet(sheetXml({ rows: [[typed("s", "<v>9</v>")]] }))),
      "WORKBOOK_DAMAGED",
      "list of texts",
    ],
    [
      "a sheet that is not there",
      zipOf({ ...good, "xl/worksheets/sheet1.xml": "", "xl/workbook.xml": "<workbook/>" }),
      "WORKBOOK_DAMAGED",
      "no visible sheet",
    ],
    ["an archive that was cut", zipOf(good).subarray(0, 900), "WORKBOOK_DAMAGED", "damaged"],
  ])("%s is refused", async (_, bytes, code, word) => {
    const refused = await refusalOf(read(bytes, PATH));
    expect(refused).toMatchObject({ exitCode: 2, problems: [{ code, file: "tenants.xlsx" }] });
    expect(refused?.message).toContain(word);
    expect(refused?.problems[0]?.hint).toContain("CSV UTF-8");
  });

  it("is never a crash, nor another tenant, whatever bytes are damaged", async () => {
    const bytes = table(["acme", app(1)], ["globex", app(2)]);
    const damage = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), fc.boolean());
    await fc.assert(
      fc.asyncProperty(damage, async ([at, by, isCut]) => {
        const damaged = Buffer.from(isCut ? bytes.subarray(0, at) : bytes);
        if (!isCut) damaged[at] = (damaged[at] ?? 0) ^ by;
        try {
          expect(await tenantsOf(damaged)).toEqual(["acme", "globex"]);
        } catch (error) {
          expect(error).toBeInstanceOf(StopError);
        }
      }),
      { numRuns: 300, seed: 19 },
    );
  });
});

describe("a first manifest as a workbook", () => {
  it("is read back as it was drafted, and explains its columns", async () => {
    const tenants = ["007", '<"A" & B>', "=1+1", "_x0041_"].map((tenant, n) => ({
      tenant,
      newQlikAppId: appId(app(n)),
    }));
    const bytes = draftAsWorkbook({ sourceTaskId: taskId(MONTHLY), masterApp: appId(MASTER), tenants });
    const manifest = await read(bytes, { ...PATH, defaults: { sourceTaskId: undefined, masterApp: undefined } });
    expect(manifest.tenants.map(({ tenant }) => tenant)).toEqual(tenants.map(({ tenant }) => tenant));
    expect(manifest.warnings).toEqual([]);
    expect(await warningsOf(bytes)).toContain("OPTION_UNUSED");
    const second = await refusalOf(read(bytes, { ...PATH, sheet: "columns", defaults: NO_DEFAULTS }));
    expect(second?.problems[0]?.code).toBe("HEADER_BELOW");
  });
});
