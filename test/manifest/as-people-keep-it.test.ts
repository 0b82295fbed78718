import { describe, expect, it } from "vitest";
import {
  app,
  appId,
  briefly,
  copy,
  faultsOf,
  MASTER,
  MONTHLY,
  NO_DEFAULTS,
  read,
  report,
} from "../support/manifests.js";

const CUSTOMERS = 37;
const numbers = Array.from({ length: CUSTOMERS }, (_, at) => at + 1);
const rows = (make: (n: number) => string): string => numbers.map((n) => `${make(n)}\r\n`).join("");

describe("a table as it comes from Excel", () => {
  it("may end its rows with empty cells: one warning, whatever their number", async () => {
    const manifest = await read(`tenant;appId\r\n${rows((n) => `c${n};${app(n)};;`)}`);
    expect(manifest.tenants).toHaveLength(CUSTOMERS);
    expect(manifest.warnings.map(({ code, line }) => [code, line])).toEqual([["SURPLUS_CELLS", 2]]);
    expect(manifest.warnings[0]?.message).toContain("37 rows");
    expect(manifest.rows.every(({ cells }) => cells.length === manifest.header.length)).toBe(true);
  });

  it("may have headers without a name that not every row reaches", async () => {
    const manifest = await read(`tenant;appId;;\r\nacme;${app(1)}\r\nglobex;${app(2)};;\r\n`);
    expect(manifest.tenants.map(({ tenant }) => tenant)).toEqual(["acme", "globex"]);
    expect(manifest.warnings).toEqual([]);
  });

  it("is refused as before where a cell under no header holds something, or a cell is missing", async () => {
    const found = await faultsOf(`tenant;appId;note\r\nacme;${app(1)};x;y\r\nglobex;${app(2)}\r\n`);
    expect(briefly(found)).toEqual(["FIELD_COUNT@2", "FIELD_COUNT@3"]);
  });

  it("has no delimiters for what is empty in Excel's blocks of 16 rows", async () => {
    const rows = (count: number) => Array.from({ length: count }, (_, at) => `t${at};${app(at + 1)}`);
    const full = rows(15).map((row) => `${row};Name ${row};\r\n`);
    const short = rows(20).slice(15);
    const saved = `tenant;appId;name;note\r\n${full.join("")}`;
    expect((await read(`${saved}${short.join("\r\n")}\r\n`)).tenants).toHaveLength(20);
    // One row that is short among others has lost what it said: here that its tenant is disabled, or which report it means.
    const lost = (column: string, cell: string) =>
      rows(25)
        .map((row, at) => (at === 19 ? row : `${row};${cell}`))
        .join("\r\n")
        .replace(/^/, `tenant;appId;${column}\r\n`);
    for (const content of [lost("enabled", "false"), lost("reportId", app(99))])
      expect(briefly(await faultsOf(`${content}\r\n`))).toEqual(["FIELD_COUNT@21"]);
    // A file that was cut is none of Excel's, and neither is a row further up.
    expect(briefly(await faultsOf(`${saved}${short.join("\r\n")}`))).toEqual(["FIELD_COUNT@21"]);
    expect(briefly(await faultsOf(`tenant;appId;name\r\n${rows(3).join("\r\n")}\r\n`))).toHaveLength(3);
  });

  it.each(["\u001a", "\u001a\r\n", "\u001a\u001a\u001a"])("ends with %j, as DOS programs write", async (end) => {
    expect((await read(`tenant;appId\r\nacme;${app(1)}\r\n${end}`)).tenants).toHaveLength(1);
  });

  it.each([
    ["\u2011", app(1).replace("-", "\u2011"), "character 9 is U+2011"],
    ["\u200e", `2${"\u200e"}${app(1).slice(1)}`, "character 2 is U+200E"],
    ["a letter", `${app(1).slice(0, -1)}O`, 'character 36 is "O"'],
  ])("has an ID that looks right but for %s, which is named", async (_, id, words) => {
    const [fault] = await faultsOf(`tenant;appId\r\nacme;${id}\r\n`);
    expect(fault).toMatchObject({ code: "NOT_A_GUID", message: expect.stringContaining(words) });
  });

  it("with merged cells is one fault, with the rows and the remedy", async () => {
    const [fault, ...others] = await faultsOf(
      `tenant;appId;reportId\r\n${rows((n) => `${n % 3 === 1 ? `c${n}` : ""};${n % 3 === 1 ? app(n) : ""};${report(n)}`)}`,
    );
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ code: "VALUE_MISSING", line: 3, column: "tenant" });
    expect(fault?.message).toMatch(/lines 3, 4, 6, .* more/);
    expect(fault?.hint).toContain("unmerge");
  });

  it.each([
    ["a title", "Customers, June;;;;\r\n", 2],
    ["two titles and a blank line", "Customers\r\nas of June 2026\r\n\r\n", 4],
    ["a title with a column's word", "Tenant;;;;\r\n", 2],
  ])("with %s above its header is refused, and the header's line is named", async (_, above, line) => {
    const [fault, ...others] = await faultsOf(`${above}tenant;appId;note;;\r\n${rows((n) => `c${n};${app(n)};;;`)}`);
    expect(others).toEqual([]);
    expect(fault).toMatchObject({ code: "HEADER_BELOW", line });
    expect(fault?.message).toContain('"tenant", "appId", "note"');
  });
});

describe("--column", () => {
  const named = (...columns: string[]) => ({ defaults: { ...NO_DEFAULTS, columns } });
  const TABLE = `Kunde;App;Quelle;Master;Kopie\nacme;${app(1)};${MONTHLY};${MASTER};${copy(1)}\n`;
  const ALL = ["Customer=kunde", "newQlikAppId=App", "sourceTaskId= QUELLE", "qlikAppId=Master", "newTaskId=Kopie"];

  it("says which header means a column, in any case; its own word stays good for a name", async () => {
    const manifest = await read(TABLE, {
      defaults: { ...named(...ALL).defaults, sourceTaskId: undefined, masterApp: undefined, nameTemplate: "R {Kunde}" },
    });
    expect(manifest.warnings).toEqual([]);
    expect(manifest.tenants).toMatchObject([
      {
        key: "acme",
        sourceTaskId: MONTHLY,
        newTaskId: copy(1),
        desired: [{ qlikAppId: MASTER, newQlikAppId: app(1) }],
      },
    ]);
    expect(manifest.tenants[0]?.columns.get("kunde")).toBe("acme");
  });

  it("finds the header below a title too", async () => {
    const found = await faultsOf(`Kunden 2026\n${TABLE}`, named(...ALL));
    expect(briefly(found)).toEqual(["HEADER_BELOW@2"]);
  });

  it.each([
    ["names no column", ["tennant=Kunde"], TABLE, undefined, "COLUMN_OPTION"],
    ["names no header", [...ALL, "name=Titel"], TABLE, undefined, "COLUMN_OPTION@1"],
    ["names one header twice", ["tenant=Kunde", "name=Kunde"], TABLE, undefined, "COLUMN_OPTION"],
    [
      "names what another header means already",
      ["tenant=Kunde"],
      `Kunde;tenant;appId\na;b;${app(1)}\n`,
      undefined,
      "COLUMN_TWICE@1",
    ],
    ["stands with JSON", ["tenant=Kunde"], "[]", "tenants.json", "COLUMN_OPTION"],
  ])("is refused where it %s", async (_, columns, content, path = "tenants.csv", code) => {
    const found = await faultsOf(content, { ...named(...columns), path });
    expect(briefly(found)[0]).toMatch(new RegExp(`^${code}`));
  });

  it("is named where a column is missing", async () => {
    const [fault] = await faultsOf(`Kunde,appId\nacme,${app(1)}\n`);
    expect(fault?.hint).toContain("--column tenant=HEADER");
  });
});

describe("an option that serves no row", () => {
  const FULL = `tenant,appId,qlikAppId,sourceTaskId,reportId,name\nacme,${app(1)},${MASTER},${MONTHLY},${report(1)},Acme\n`;
  const given = { reports: [report(2)], nameTemplate: "{tenant}" };

  it("is one warning each", async () => {
    const { warnings } = await read(FULL, { defaults: given });
    expect(warnings.map(({ code, column }) => [code, column])).toEqual([
      ["OPTION_UNUSED", "sourceTaskId"],
      ["OPTION_UNUSED", "qlikAppId"],
      ["OPTION_UNUSED", "reportId"],
      ["OPTION_UNUSED", "name"],
    ]);
  });

  it("is none where one row takes it, or where none was given", async () => {
    const { warnings } = await read(`${FULL}globex,${app(2)},,,,\n`, {
      defaults: { ...given, allowMasterAppFor: [], allowSharedApps: [appId(app(2))] },
    });
    expect(warnings).toEqual([]);
    const bare = { ...NO_DEFAULTS, sourceTaskId: undefined, masterApp: undefined };
    expect((await read(FULL, { defaults: bare })).warnings).toEqual([]);
  });
});
