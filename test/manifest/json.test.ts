import { describe, expect, it } from "vitest";
import {
  app,
  briefly,
  copy,
  faultsOf,
  MASTER,
  MONTHLY,
  NO_DEFAULTS,
  read,
  report,
  WEEKLY,
} from "../support/manifests.js";

const path = "tenants.json";
const readJson = (value: unknown, defaults = {}) => read(JSON.stringify(value, undefined, 1), { path, defaults });
const faultsOfJson = (value: unknown, defaults = {}) =>
  faultsOf(typeof value === "string" ? value : JSON.stringify(value, undefined, 1), { path, defaults });

describe("a JSON manifest", () => {
  it("is one object whose top level holds what the tenants share", async () => {
    const manifest = await readJson(
      {
        $schema: "x",
        sourceTaskId: MONTHLY,
        qlikAppId: MASTER,
        reportIds: [report(1), report(2)],
        name: "{task} for {tenant}",
        tenants: [
          { tenant: "acme", newQlikAppId: app(1) },
          { tenant: "globex", mappings: [{ reportId: report(3), qlikAppId: app(9), newQlikAppId: app(2) }] },
        ],
      },
      { sourceTaskId: undefined, masterApp: undefined },
    );
    expect(manifest.tenants).toMatchObject([
      {
        tenant: "acme",
        line: 11,
        sourceTaskId: MONTHLY,
        nameTemplate: "{task} for {tenant}",
        desired: [
          { report: report(1), qlikAppId: MASTER, newQlikAppId: app(1) },
          { report: report(2), qlikAppId: MASTER, newQlikAppId: app(1) },
        ],
      },
      { tenant: "globex", desired: [{ report: report(3), qlikAppId: app(9), newQlikAppId: app(2) }] },
    ]);
    expect(manifest.warnings).toEqual([]);
  });

  it("is an array of objects with the columns' names, aliases too, in any case", async () => {
    const manifest = await readJson([
      {
        Customer: "acme",
        app_id: app(1),
        "Master App ID": MASTER,
        SOURCETASKID: WEEKLY,
        newTaskId: copy(1),
        newName: "Sales",
      },
    ]);
    expect(manifest.tenants).toMatchObject([
      { tenant: "acme", sourceTaskId: WEEKLY, newTaskId: copy(1), nameTemplate: "Sales" },
    ]);
  });

  it("takes null as nothing, true and false for enabled, and other keys for the name", async () => {
    const manifest = await readJson([
      {
        tenant: "acme",
        newQlikAppId: app(1),
        reportId: null,
        enabled: true,
        region: "EMEA",
        no: 7,
        name: "{region} {no}",
      },
      { tenant: "globex", enabled: false },
      { tenant: "initech", enabled: "nein" },
    ]);
    expect(manifest.tenants.map((tenant) => tenant.enabled)).toEqual([true, false, false]);
    const texts = {
      tenant: "acme",
      newQlikAppId: app(1),
      reportId: "",
      enabled: "true",
      region: "EMEA",
      no: "7",
      name: "{region} {no}",
      nothing: undefined,
    };
    for (const [name, text] of Object.entries(texts)) expect(manifest.tenants[0]?.columns.get(name)).toBe(text);
  });

  it("lets a mapping take from its tenant what it leaves out", async () => {
    const manifest = await readJson([
      {
        tenant: "acme",
        qlikAppId: app(8),
        newQlikAppId: app(1),
        mappings: [{ reportId: report(1) }, { reportId: report(2), qlikAppId: app(9) }],
      },
    ]);
    expect(manifest.tenants[0]?.desired).toMatchObject([
      { report: report(1), qlikAppId: app(8), newQlikAppId: app(1) },
      { report: report(2), qlikAppId: app(9), newQlikAppId: app(1) },
    ]);
  });

  it("shows its rows as a CSV result needs them", async () => {
    const manifest = await readJson([
      { tenant: "acme", newQlikAppId: app(1) },
      {
        tenant: "globex",
        region: "APAC",
        mappings: [
          { reportId: report(1), newQlikAppId: app(2) },
          { reportId: report(2), newQlikAppId: app(2) },
        ],
      },
    ]);
    expect(manifest.header).toEqual(["tenant", "newQlikAppId", "region", "reportId"]);
    expect(manifest.rows.map((row) => row.cells)).toEqual([
      ["acme", app(1), "", ""],
      ["globex", app(2), "APAC", report(1)],
      ["globex", app(2), "APAC", report(2)],
    ]);
  });

  it("has no key twice: JSON would take the last, and lose the tenants of the first", async () => {
    const text = `{"tenants":[{"tenant":"old"}],"tenants":[{"tenant":"a","tenant":"acme","newQlikAppId":"${app(1)}"}]}`;
    const error = await read(text, { path }).then(undefined, (reason: unknown) => reason);
    expect(error).toMatchObject({ problems: [{ code: "COLUMN_TWICE" }, { code: "COLUMN_TWICE" }] });
  });

  it("may come in UTF-16, and from standard input", async () => {
    const text = JSON.stringify([{ tenant: "acme", newQlikAppId: app(1) }]);
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, "utf16le")]);
    expect((await read(utf16, { path })).tenants).toHaveLength(1);
    expect((await read(`\n ${text}`, { path: "-" })).tenants).toHaveLength(1);
  });
});

describe("faults of a JSON manifest", () => {
  it("carry path and line", async () => {
    const text =
      `{\n "tenants": [\n  { "tenant": "acme", "newQlikAppId": "${app(1)}" },\n  { "tenant": "globex",\n    "New App": 1, "newQlikAppId": "x" },\n` +
      `  { "tenant": "initech", "mappings": [\n    { "reportId": "y", "newQlikAppId": "${app(3)}" } ] },\n  { "newQlikAppId": "${app(4)}" } ] }`;
    expect(await faultsOfJson(text)).toMatchObject([
      { code: "NOT_A_GUID", line: 5, column: "tenants[1].newQlikAppId", value: "x", tenant: "globex" },
      { code: "NOT_A_GUID", line: 7, column: "tenants[2].mappings[0].reportId", value: "y", tenant: "initech" },
      { code: "VALUE_MISSING", line: 8, column: "tenants[3].tenant" },
    ]);
    expect(await faultsOfJson([{ tenant: "acme" }])).toMatchObject([
      { code: "VALUE_MISSING", line: 2, column: "[0].newQlikAppId", tenant: "acme" },
    ]);
  });

  it("tell a syntax error with line and column", async () => {
    const [fault] = await faultsOfJson('[\n  { "tenant": "acme", },\n]');
    expect(fault).toMatchObject({ code: "JSON_SYNTAX", line: 2, file: path });
    expect(fault?.message).toContain("line 2, column 23");
  });

  it("ask for quotes around numbers, and tell each but once", async () => {
    const faults = await faultsOfJson([{ tenant: 7, newQlikAppId: 8, name: true }]);
    expect(faults.map((fault) => [fault.code, fault.column])).toEqual([
      ["WRONG_KIND", "[0].tenant"],
      ["WRONG_KIND", "[0].newQlikAppId"],
      ["WRONG_KIND", "[0].name"],
    ]);
    expect(faults[0]?.hint).toContain('"7"');
  });

  it.each([
    ["a text", '"acme"', "WRONG_KIND@1"],
    ["no tenants", "{}", "COLUMN_MISSING@1"],
    ["tenants that are no array", '{"tenants":{}}', "WRONG_KIND@1"],
    ["an empty array", "[]", "NO_ROWS@1"],
    ["empty tenants", '{"tenants":[]}', "NO_ROWS@1"],
    ["an entry that is no object", '["acme"]', "WRONG_KIND@1"],
    ["nothing", " \n", "MANIFEST_EMPTY@-"],
    ["endless brackets", "[".repeat(100_000), "JSON_SYNTAX@1"],
  ])("refuse %s", async (_, text, expected) => {
    expect(briefly(await faultsOfJson(text))).toEqual([expected]);
  });

  it.each([
    ["mappings that are no array", { mappings: {} }, ["WRONG_KIND@4"]],
    ["a mapping that is no object", { mappings: ["x"] }, ["WRONG_KIND@5"]],
    ["mappings without any", { mappings: [] }, ["VALUE_MISSING@2"]],
    ["reportIds of a tenant", { newQlikAppId: app(1), reportIds: [report(1)] }, ["KEY_MISPLACED@5"]],
    [
      "an app of the tenant beside another of its mapping",
      { newQlikAppId: app(1), mappings: [{ newQlikAppId: app(2) }] },
      ["CONTRADICTION@7"],
    ],
    ["two keys of one meaning", { appId: app(1), newQlikAppId: app(2) }, ["COLUMN_TWICE@5"]],
  ])("refuse %s", async (_, entry, expected) => {
    expect(briefly(await faultsOfJson([{ tenant: "acme", ...entry }]))).toEqual(expected);
  });

  it("tell what the whole manifest lacks once, and an empty top level as nothing", async () => {
    const tenants = [
      { tenant: "acme", newQlikAppId: app(1) },
      { tenant: "globex", newQlikAppId: app(2) },
    ];
    const none = { ...NO_DEFAULTS, sourceTaskId: undefined, masterApp: undefined };
    for (const top of [{ tenants }, { sourceTaskId: null, qlikAppId: " ", tenants }])
      expect((await faultsOfJson(top, none)).map((fault) => [fault.code, fault.column])).toEqual([
        ["COLUMN_MISSING", "qlikAppId"],
        ["COLUMN_MISSING", "sourceTaskId"],
      ]);
  });

  it("tell a top level that is faulty", async () => {
    const faults = await faultsOfJson(
      { sourceTaskId: "x", qlikAppId: 1, reportIds: ["y"], tenants: [{ tenant: "acme", newQlikAppId: app(1) }] },
      { sourceTaskId: undefined, masterApp: undefined },
    );
    expect(faults.map((fault) => [fault.code, fault.line, fault.column])).toEqual([
      ["NOT_A_GUID", 2, "sourceTaskId"],
      ["WRONG_KIND", 3, "qlikAppId"],
      ["NOT_A_GUID", 5, "reportIds[0]"],
    ]);
  });
});

describe("a flag and the manifest's top level", () => {
  const top = {
    sourceTaskId: WEEKLY,
    qlikAppId: app(9),
    reportIds: [report(1)],
    name: "a {tenant}",
    tenants: [{ tenant: "acme", newQlikAppId: app(1) }],
  };

  it("differ: the flag wins, with a warning for each", async () => {
    const manifest = await readJson(top, { reports: [report(2)], nameTemplate: "b {tenant}" });
    expect(manifest.tenants[0]).toMatchObject({
      sourceTaskId: MONTHLY,
      nameTemplate: "b {tenant}",
      desired: [{ report: report(2), qlikAppId: MASTER }],
    });
    expect(manifest.warnings.map((warning) => [warning.code, warning.column])).toEqual([
      ["FLAG_OVERRIDES_MANIFEST", "sourceTaskId"],
      ["FLAG_OVERRIDES_MANIFEST", "qlikAppId"],
      ["FLAG_OVERRIDES_MANIFEST", "reportIds[0]"],
      ["FLAG_OVERRIDES_MANIFEST", "name"],
    ]);
  });

  it("agree: nothing is told", async () => {
    const same = { ...top, sourceTaskId: `{${MONTHLY.toUpperCase()}}`, qlikAppId: MASTER };
    expect((await readJson(same, { reports: [report(1)], nameTemplate: "a {tenant}" })).warnings).toEqual([]);
  });

  it("warns of a key of the top level that it does not know, and of a mapping's", async () => {
    const manifest = await readJson({
      sourceTask: MONTHLY,
      tenants: [{ tenant: "acme", mappings: [{ report: "x", newQlikAppId: app(1) }] }],
    });
    expect(manifest.warnings.map((warning) => [warning.code, warning.column])).toEqual([
      ["KEY_UNKNOWN", "sourceTask"],
      ["KEY_UNKNOWN", "tenants[0].mappings[0].report"],
    ]);
  });
});
