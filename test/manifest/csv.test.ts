import { describe, expect, it } from "vitest";
import type { Manifest } from "../../src/manifest/manifest.js";
import { disarmFormula } from "../../src/shared/quoting.js";
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
  row,
  WEEKLY,
} from "../support/manifests.js";

const desired = (manifest: Manifest) =>
  manifest.tenants.map((tenant) => [tenant.tenant, ...tenant.desired.map((mapping) => mapping.newQlikAppId)]);

describe("a CSV manifest", () => {
  it("gives each tenant its source task, its app and the app that it replaces", async () => {
    const manifest = await read(
      `tenant,newQlikAppId,qlikAppId,sourceTaskId\nacme,${app(1)},${MASTER},${MONTHLY}\nglobex,${app(2)},${MASTER},${WEEKLY}\n`,
      { defaults: { sourceTaskId: undefined, masterApp: undefined } },
    );
    expect(manifest.tenants).toMatchObject([
      {
        key: "acme",
        tenant: "acme",
        line: 2,
        enabled: true,
        sourceTaskId: MONTHLY,
        nameTemplate: "{task} - {tenant}",
        newTaskId: undefined,
        desired: [{ report: undefined, qlikAppId: MASTER, newQlikAppId: app(1), line: 2 }],
      },
      { key: "globex", line: 3, sourceTaskId: WEEKLY },
    ]);
    expect(manifest.warnings).toEqual([]);
  });

  it.each([
    ["bare", '="007"'],
    ["in quotes", '"=""007"""'],
  ])("takes the text of Excel's text formula, %s", async (_, cell) => {
    const manifest = await read(`tenant,appId\nacme,${app(1)}\n${cell},"=""${app(2)}"""\nglobex,${app(3)}\n`);
    expect(desired(manifest)).toEqual([
      ["acme", app(1)],
      ["007", app(2)],
      ["globex", app(3)],
    ]);
  });

  it("ties itself to its file by name and digest", async () => {
    const manifest = await read(`tenant,appId\nacme,${app(1)}`, { path: "/data/customers.csv" });
    expect(manifest).toMatchObject({ path: "/data/customers.csv", fileName: "customers.csv" });
    expect(manifest.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  it.each(["Tenant;New Qlik App ID", "TENANT;new_qlik_app_id", "customer;App-Id", " customer ;\u00a0appId\u200b"])(
    "reads the header %j without regard to case, blanks, _ and -, and by its aliases",
    async (header) => {
      expect(desired(await read(`${header}\nacme;${app(1)}`))).toEqual([["acme", app(1)]]);
    },
  );

  it("reads every column by every name", async () => {
    const manifest = await read(
      `Customer,AppId,Master App ID,Source-Task-Id,REPORT_ID,New Name,Enabled,new task id\n` +
        `acme,${app(1)},${MASTER},${WEEKLY},${report(1)},Sales,ja,${copy(1)}`,
    );
    expect(manifest.tenants[0]).toMatchObject({
      sourceTaskId: WEEKLY,
      nameTemplate: "Sales",
      newTaskId: copy(1),
      desired: [{ report: report(1), qlikAppId: MASTER, newQlikAppId: app(1) }],
    });
  });

  it.each([
    ["commas", `tenant,appId,note\nacme,${app(1)},x`],
    ["semicolons", `tenant;appId;note\nacme;${app(1)};x`],
    ["tabs", `tenant\tappId\tnote\nacme\t${app(1)}\tx`],
    ["quoted headers with semicolons", `"tenant";"appId";"a, b, c, d"\n"acme";"${app(1)}";"x"`],
    ["Excel's first line", `sep=;\ntenant;appId;note\nacme;${app(1)};x`],
    ["another delimiter that sep= names", `sep=|\ntenant|appId|note\nacme|${app(1)}|x`],
    ["PowerShell's first line", `#TYPE Selected.Customer\n"tenant","appId","note"\n"acme","${app(1)}","x"`],
    ["LF", `tenant,appId,note\nacme,${app(1)},x\n`],
    ["CRLF", `tenant,appId,note\r\nacme,${app(1)},x\r\n`],
    ["CR", `tenant,appId,note\racme,${app(1)},x\r`],
    [
      "blank lines above, between and below",
      `\n\r\ntenant,appId,note\n\n  \nacme,${app(1)},x\n,,\n;;;\n\n`.replace(";;;\n", ""),
    ],
    ["lines of delimiters only, however many", `tenant;appId;note\n;;\nacme;${app(1)};x\n;;;;;;\n`],
    ["an empty sheet's rows above the header", `${";;\n".repeat(40)}tenant;appId;note\nacme;${app(1)};x\n`],
    ["a DOS end of file", `tenant,appId,note\nacme,${app(1)},x\n\u001a`],
    ["blank, no-break and zero-width space", `tenant,appId,note\n\u00a0acme\u200b ,\t${app(1)}\ufeff,x`],
    ["GUIDs in braces and capitals", `tenant,appId,note\nacme,{${app(1).toUpperCase()}},x`],
  ])("reads %s", async (_, content) => {
    expect(desired(await read(content))).toEqual([["acme", app(1)]]);
  });

  it("keeps values as text", async () => {
    const manifest = await read(`tenant,appId\n007,${app(1)}\n1e3,${app(2)}\ntrue,${app(3)}\n7,${app(4)}`);
    expect(manifest.tenants.map((tenant) => tenant.tenant)).toEqual(["007", "1e3", "true", "7"]);
  });

  it("tells a row's first line where values hold line breaks", async () => {
    const content = `tenant,note,appId\nacme,"one\ntwo\r\nthree",${app(1)}\n\nglobex,"four\nfive",nonsense\n`;
    expect(await faultsOf(content)).toMatchObject([
      { code: "NOT_A_GUID", line: 6, column: "appId", value: "nonsense" },
    ]);
  });

  it("makes one tenant of several rows, with one mapping for each", async () => {
    const manifest = await read(
      `tenant,reportId,appId,region\nacme,${row(1)},${app(1)},EMEA\nglobex,,${app(2)},APAC\nacme,${row(2)},${app(3)},other\n`,
    );
    expect(manifest.tenants).toMatchObject([
      {
        tenant: "acme",
        line: 2,
        desired: [
          { report: row(1), newQlikAppId: app(1), line: 2 },
          { report: row(2), newQlikAppId: app(3), line: 4 },
        ],
      },
      { tenant: "globex", line: 3 },
    ]);
    expect(manifest.tenants[0]?.columns.get("region")).toBe("EMEA");
  });

  it("knows a tenant by source task and key", async () => {
    const manifest = await read(`tenant,sourceTaskId,appId\nacme,${MONTHLY},${app(1)}\nacme,${WEEKLY},${app(1)}`);
    expect(manifest.tenants.map((tenant) => [tenant.key, tenant.sourceTaskId])).toEqual([
      ["acme", MONTHLY],
      ["acme", WEEKLY],
    ]);
  });

  it("keeps header and rows, without blanks around bare values, for a result that shows them again", async () => {
    const manifest = await read(`Tenant , App Id,,Note\n acme,${app(1)},,"a, b"\n\nglobex,${app(2)},,`);
    expect(manifest.header).toEqual(["Tenant", "App Id", "", "Note"]);
    expect(manifest.rows).toEqual([
      { line: 2, key: "acme", cells: ["acme", app(1), "", "a, b"] },
      { line: 4, key: "globex", cells: ["globex", app(2), "", ""] },
    ]);
  });

  it("counts a repeated row once", async () => {
    const manifest = await read(`tenant,appId\nacme,${app(1)}\nacme, ${app(1)}\n`);
    expect(manifest.tenants[0]?.desired).toHaveLength(1);
    expect(manifest.warnings).toEqual([]);
  });

  it("warns of a column that is nearly a known one", async () => {
    const manifest = await read(`tenant,appId,enabeld,region\nacme,${app(1)},false,EMEA`);
    expect(manifest.warnings).toMatchObject([{ code: "COLUMN_MISSPELT", column: "enabeld", line: 1 }]);
    expect(manifest.warnings[0]?.hint).toContain("enabled");
  });

  it("reads a file of any other ending as CSV unless it begins with a bracket", async () => {
    expect((await read(`tenant,appId\nacme,${app(1)}`, { path: "tenants.txt" })).fileName).toBe("tenants.txt");
    const faults = await faultsOf(`tenant,appId\nacme,x`, { path: "tenants.txt" });
    expect(faults[0]?.file).toBe("tenants.txt");
  });
});

describe("a CSV result that is fed back", () => {
  it.each(["=SUM(A1)", "+49 acme", "-acme", "@acme", "'=acme", "'acme", "＝acme"])(
    "names the tenant %j again",
    async (key) => {
      const manifest = await read(`tenant,appId\n${key},${app(1)}`);
      const cell = disarmFormula(manifest.rows[0]?.cells[0] ?? "");
      const again = await read(`tenant,appId\n${cell},${app(1)}`);
      expect(again.tenants[0]?.key).toBe(manifest.tenants[0]?.key);
      expect(again.rows).toEqual(manifest.rows);
    },
  );
});

describe("enabled", () => {
  const enabledOf = async (word: string) =>
    (await read(`tenant,appId,enabled\nacme,${app(1)},${word}`)).tenants[0]?.enabled;

  it.each("true yes y 1 on vrai oui wahr ja TRUE Ja".split(" ").concat(["", "  "]))(
    "takes %j for yes",
    async (word) => {
      expect(await enabledOf(word)).toBe(true);
    },
  );

  it.each("false no n 0 off faux non falsch nein FALSCH No".split(" "))("takes %j for no", async (word) => {
    expect(await enabledOf(word)).toBe(false);
  });

  it("takes no other word", async () => {
    expect(await faultsOf(`tenant,appId,enabled\nacme,${app(1)},maybe`)).toMatchObject([
      { code: "ENABLED_UNKNOWN", line: 2, column: "enabled", value: "maybe", tenant: "acme" },
    ]);
  });

  it("needs nothing but the tenant where a row is disabled", async () => {
    const manifest = await read(`tenant,appId,qlikAppId,sourceTaskId,enabled\nacme,,,,no\n`, { defaults: NO_DEFAULTS });
    expect(manifest.tenants).toMatchObject([{ tenant: "acme", enabled: false, desired: [] }]);
    const short = await read("tenant,enabled\nacme,no\n", {
      defaults: { sourceTaskId: undefined, masterApp: undefined },
    });
    expect(short.tenants[0]).toMatchObject({ enabled: false, sourceTaskId: undefined });
  });

  it("ignores what a disabled row has no use for", async () => {
    const manifest = await read(`tenant,appId,enabled\nacme,TBD,no\nglobex,${app(2)},yes`);
    expect(manifest.tenants).toMatchObject([
      { tenant: "acme", enabled: false },
      { tenant: "globex", enabled: true },
    ]);
  });

  it("keeps disabled rows out of the checks between rows", async () => {
    const manifest = await read(
      `tenant,appId,newTaskId,name,enabled\nacme,${app(1)},${copy(1)},Sales,yes\nglobex,${app(1)},${copy(1)},Sales,no\n` +
        `initech,${MASTER},${MONTHLY},Sales,no\n`,
    );
    expect(manifest.tenants.map((tenant) => tenant.enabled)).toEqual([true, false, false]);
  });

  it("contradicts itself where rows of one tenant differ", async () => {
    const faults = await faultsOf(
      `tenant,appId,reportId,enabled\nacme,${app(1)},${row(1)},yes\nacme,${app(1)},${row(2)},no`,
    );
    expect(faults).toMatchObject([{ code: "CONTRADICTION", line: 3, column: "enabled", tenant: "acme" }]);
  });

  it("contradicts itself where a disabled row that names no source task meets an enabled one", async () => {
    const content = `tenant,appId,qlikAppId,sourceTaskId,enabled\nacme,${app(1)},${MASTER},${MONTHLY},yes\nacme,,,,no`;
    const faults = await faultsOf(content, { defaults: { sourceTaskId: undefined, masterApp: undefined } });
    expect(briefly(faults)).toEqual(["CONTRADICTION@3"]);
  });
});

describe("faults of a CSV manifest's shape", () => {
  it.each([
    ["nothing", ""],
    ["a mark only", "\ufeff"],
    ["blank lines only", "\n \r\n\n"],
    ["Excel's first line only", "sep=;\n"],
  ])("refuses %s", async (_, content) => {
    expect(briefly(await faultsOf(content))).toEqual(["MANIFEST_EMPTY@-"]);
  });

  it("refuses a header without rows", async () => {
    expect(briefly(await faultsOf("tenant,newQlikAppId\n\n,,\n"))).toEqual(["NO_ROWS@1"]);
  });

  it("tells a missing column once, not once a row, with the columns that are there", async () => {
    const faults = await faultsOf("tenat,appId\nacme,x\nglobex,y", { defaults: NO_DEFAULTS });
    const missing = faults.filter((fault) => fault.code === "COLUMN_MISSING");
    expect(missing).toMatchObject([{ line: 1, column: "tenant" }]);
    expect(missing[0]?.message).toContain('"tenat"');
    const none = await faultsOf("tenant,appId\nacme,x\nglobex,y", {
      defaults: { sourceTaskId: undefined, masterApp: undefined },
    });
    expect(briefly(none)).toEqual(["COLUMN_MISSING@1", "COLUMN_MISSING@1", "NOT_A_GUID@2", "NOT_A_GUID@3"]);
    expect(none[0]?.hint).toContain("--master-app");
    expect(none[1]?.hint).toContain("--source-task");
  });

  it.each([
    ["tenant,Tenant,appId", "tenant", "Tenant"],
    ["tenant,customer,appId", "tenant", "customer"],
  ])("refuses the header %j, where two columns mean the same", async (header, first, second) => {
    const content = `${header}\n${header
      .split(",")
      .map(() => "x")
      .join(",")}`;
    const fault = (await faultsOf(content)).find(({ code }) => code === "COLUMN_TWICE");
    expect(fault).toMatchObject({ line: 1, column: second });
    expect(fault?.message).toContain(`"${first}"`);
  });

  it("takes two columns of one name that nobody uses, and refuses a name that uses them", async () => {
    const content = `tenant,appId,re gion,RE_GION\nacme,${app(1)},x,y\n`;
    expect((await read(content)).tenants).toHaveLength(1);
    const [fault] = await faultsOf(content, { defaults: { ...NO_DEFAULTS, nameTemplate: "{tenant} {region}" } });
    expect(fault).toMatchObject({ code: "COLUMN_TWICE" });
    expect(fault?.message).toContain('"RE_GION"');
  });

  it("takes several columns without a name, as Excel leaves them", async () => {
    expect((await read(`tenant,appId,,\nacme,${app(1)},,`)).tenants).toHaveLength(1);
  });

  it("refuses rows with more or fewer fields than the header, and goes on", async () => {
    const content = `tenant,appId\nacme,${app(1)},x\nglobex\ninitech,nonsense`;
    expect(briefly(await faultsOf(content))).toEqual(["FIELD_COUNT@2", "FIELD_COUNT@3", "NOT_A_GUID@4"]);
  });

  it("tells where a quote opens that is never closed, and the faults above it", async () => {
    const content = `tenant,appId\nacme,nonsense\n"globex,${app(2)}\ninitech,${app(3)}\n`;
    expect(briefly(await faultsOf(content))).toEqual(["NOT_A_GUID@2", "QUOTE_UNCLOSED@3"]);
  });

  it("tells an unclosed quote in the header alone", async () => {
    expect(briefly(await faultsOf(`tenant,"appId\nacme,x\n`))).toEqual(["QUOTE_UNCLOSED@1"]);
  });

  it("tells text behind a closing quote", async () => {
    expect(briefly(await faultsOf(`tenant,appId\n"acme" Inc,${app(1)}\nglobex,x`))).toEqual([
      "QUOTE_MISPLACED@2",
      "NOT_A_GUID@3",
    ]);
  });
});
