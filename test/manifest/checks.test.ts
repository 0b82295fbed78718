import { describe, expect, it } from "vitest";
import type { ManifestDefaults } from "../../src/manifest/manifest.js";
import { renderName } from "../../src/manifest/names.js";
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
  row,
  tenantKey,
  WEEKLY,
} from "../support/manifests.js";

const faults = (lines: readonly string[], defaults: Partial<ManifestDefaults> = {}) =>
  faultsOf(lines.join("\n"), { defaults });
const accepted = async (lines: readonly string[], defaults: Partial<ManifestDefaults> = {}) =>
  (await read(lines.join("\n"), { defaults })).tenants.length;

describe("the values of a row", () => {
  it("are all told in one go, with file, line, column, value and remedy, by line", async () => {
    const found = await faults(
      [
        "tenant,appId,qlikAppId,sourceTaskId,reportId,newTaskId,enabled",
        "acme,a,b,c,d,e,f",
        `,${app(2)},,,,,`,
        `initech,,,,,,`,
      ],
      NO_DEFAULTS,
    );
    expect(briefly(found)).toEqual([
      "ENABLED_UNKNOWN@2",
      ...Array.from({ length: 5 }, () => "NOT_A_GUID@2"),
      "VALUE_MISSING@3",
      "VALUE_MISSING@4",
    ]);
    expect(found.slice(1, 6).map((fault) => [fault.column, fault.value])).toEqual([
      ["sourceTaskId", "c"],
      ["qlikAppId", "b"],
      ["appId", "a"],
      ["reportId", "d"],
      ["newTaskId", "e"],
    ]);
    for (const fault of found) {
      expect(fault.file).toBe("tenants.csv");
      expect(fault.hint).not.toBe("");
    }
  });

  it("may be missing only where a flag gives them", async () => {
    const none = { sourceTaskId: undefined, masterApp: undefined };
    const found = await faults(
      ["tenant,appId,qlikAppId,sourceTaskId", `acme,${app(1)},,`, `globex,,${MASTER},${MONTHLY}`],
      none,
    );
    expect(found.map((fault) => [fault.code, fault.line, fault.column])).toEqual([
      ["VALUE_MISSING", 2, "qlikAppId"],
      ["VALUE_MISSING", 2, "sourceTaskId"],
      ["VALUE_MISSING", 3, "appId"],
    ]);
    expect(found[0]?.hint).toContain("--master-app");
    expect(found[1]?.hint).toContain("--source-task");
  });

  it.each([
    ["a line break", '"ac\nme"'],
    ["a tab", '"ac\tme"'],
    ["an escape", "ac\u001b[31mme"],
    ["a line separator", "ac\u2028me"],
    ["a C1 control", "ac\u0085me"],
  ])("hold no tenant key with %s", async (_, tenant) => {
    expect(briefly(await faults(["tenant,appId", `${tenant},${app(1)}`]))).toEqual(["CONTROL_CHARACTER@2"]);
  });
});

describe("one tenant", () => {
  it("is spelled one way, also under several source tasks", async () => {
    const found = await faults([
      "tenant,sourceTaskId,appId",
      `Acme Corp,${MONTHLY},${app(1)}`,
      `ACME  corp,${WEEKLY},${app(1)}`,
      `globex,${MONTHLY},${app(2)}`,
    ]);
    expect(found).toMatchObject([{ code: "TENANT_SPELLED_TWO_WAYS", line: 3, column: "tenant", value: "ACME  corp" }]);
    expect(found[0]?.message).toContain("line 2");
  });

  it("is told to be one where two spellings look alike", async () => {
    const found = await faults(["tenant,appId", `Zürich,${app(1)}`, `Zu\u0308rich,${app(1)}`]);
    expect(found[0]?.message).toContain("look alike");
  });

  it.each([
    ["name", "Sales", "Reports"],
    ["newTaskId", copy(1), copy(2)],
  ])("has one %s", async (column, one, other) => {
    const lines = [`tenant,appId,reportId,${column}`, `acme,${app(1)},${row(1)},${one}`, `acme,${app(1)},${row(2)},`];
    expect(await accepted(lines)).toBe(1);
    const found = await faults([...lines, `acme,${app(1)},${row(3)},${other}`]);
    expect(found).toMatchObject([{ code: "CONTRADICTION", line: 4, column, tenant: "acme", value: other }]);
  });

  const targets = "tenant,reportId,qlikAppId,appId";

  it.each([
    ["one report twice", [row(1), row(1)]],
    ["every report twice", ["", ""]],
    ["every report, then one", ["", row(1)]],
    ["one report, then every", [row(1), ""]],
  ])("has one target for each report and app: %s", async (_, [one, other]) => {
    const found = await faults([targets, `acme,${one},${MASTER},${app(1)}`, `acme,${other},${MASTER},${app(2)}`]);
    expect(found).toMatchObject([{ code: "CONTRADICTION", line: 3, column: "appId", value: app(2) }]);
    expect(await accepted([targets, `acme,${one},${MASTER},${app(1)}`, `acme,${other},${app(9)},${app(2)}`])).toBe(1);
    expect(await accepted([targets, `acme,${one},${MASTER},${app(1)}`, `acme,${other},${MASTER},${app(1)}`])).toBe(1);
  });

  it("contradicts itself where every report meets the second of two that differ", async () => {
    const lines = [targets, `acme,${row(1)},${MASTER},${app(1)}`, `acme,${row(2)},${MASTER},${app(2)}`];
    expect(briefly(await faults([...lines, `acme,,${MASTER},${app(1)}`]))).toEqual(["CONTRADICTION@4"]);
    expect(briefly(await faults([...lines, `acme,,${MASTER},${app(2)}`]))).toEqual(["CONTRADICTION@4"]);
  });

  it("maps the reports of --report where its rows name none", async () => {
    const { tenants } = await read(`tenant,reportId,appId\nacme,,${app(1)}\nglobex,${row(3)},${app(2)}`, {
      defaults: { reports: [report(1), report(2)] },
    });
    expect(tenants.map((tenant) => tenant.desired.map((mapping) => mapping.report))).toEqual([
      [report(1), report(2)],
      [row(3)],
    ]);
  });
});

describe("two tenants", () => {
  const shared = ["tenant,appId", `acme,${app(1)}`, `globex,${app(1)}`, `globex,${app(1)}`];

  it("do not share an app, unless it is allowed", async () => {
    const found = await faults(shared);
    expect(found).toMatchObject([{ code: "APP_SHARED", line: 3, column: "appId", tenant: "globex", value: app(1) }]);
    expect(found[0]?.message).toContain('"acme" (line 2)');
    expect(found[0]?.hint).toContain(`--allow-shared-app ${app(1)}`);
    expect(await accepted(shared, { allowSharedApps: [appId(app(1))] })).toBe(2);
    expect(briefly(await faults(shared, { allowSharedApps: [appId(app(2))] }))).toEqual(["APP_SHARED@3"]);
  });

  it("are one customer under several source tasks, who may share an app", async () => {
    expect(await accepted(["tenant,sourceTaskId,appId", `acme,${MONTHLY},${app(1)}`, `acme,${WEEKLY},${app(1)}`])).toBe(
      2,
    );
  });

  it("do not claim one newTaskId", async () => {
    const found = await faults([
      "tenant,appId,newTaskId",
      `acme,${app(1)},${copy(1)}`,
      `globex,${app(2)},{${copy(1)}}`,
    ]);
    expect(found).toMatchObject([{ code: "NEW_TASK_SHARED", line: 3, column: "newTaskId", value: copy(1) }]);
  });

  it("do not have copies of one name, however cased", async () => {
    const named = (one: string, other: string) => [
      "tenant,appId,name",
      `acme,${app(1)},${one}`,
      `globex,${app(2)},${other}`,
    ];
    expect(await faults(named("Sales EMEA", "sales  emea"))).toMatchObject([
      { code: "NAME_TWICE", line: 3, column: "name" },
    ]);
    expect(briefly(await faults(named("{task}", "{task}")))).toEqual(["NAME_TWICE@3"]);
    expect(await accepted(named("{task} A", "{task} B"))).toBe(2);
  });

  it("may have names that only their source tasks' names tell apart", async () => {
    const lines = ["tenant,sourceTaskId,appId", `acme,${MONTHLY},${app(1)}`, `acme,${WEEKLY},${app(1)}`];
    expect(await accepted(lines)).toBe(2);
    expect(briefly(await faults(lines, { nameTemplate: "{tenant}" }))).toEqual(["NAME_TWICE@3"]);
  });
});

describe("a tenant's app", () => {
  it("is not the master app, nor any row's qlikAppId, unless it is allowed", async () => {
    const lines = ["tenant,qlikAppId,appId", `acme,,${MASTER}`, `globex,${app(9)},${app(2)}`, `initech,,${app(9)}`];
    const found = await faults(lines);
    expect(found).toMatchObject([
      { code: "MASTER_APP", line: 2, column: "appId", tenant: "acme", value: MASTER },
      { code: "MASTER_APP", line: 4, column: "appId", tenant: "initech", value: app(9) },
    ]);
    expect(found[0]?.hint).toContain("--allow-master-app acme");
    expect(found[1]?.message).toContain("line 3");
    expect(briefly(await faults(lines, { allowMasterAppFor: [tenantKey("ACME")] }))).toEqual(["MASTER_APP@4"]);
    expect(await accepted(lines, { allowMasterAppFor: [tenantKey("acme"), tenantKey("initech")] })).toBe(3);
  });

  it("is not the --master-app, also where every row replaces another", async () => {
    expect(briefly(await faults(["tenant,qlikAppId,appId", `acme,${app(9)},${MASTER}`]))).toEqual(["MASTER_APP@2"]);
  });

  it("and the master app that have changed columns are one fault, not one for each tenant", async () => {
    const rows = [1, 2, 3].map((n) => `tenant-${n},${app(n)},${MASTER}`);
    const found = await faults(["tenant,qlikAppId,newQlikAppId", ...rows]);
    expect(found).toMatchObject([{ code: "COLUMNS_SWAPPED", line: 1 }]);
  });

  it("is in the list of --apps", async () => {
    const lines = ["tenant,appId,enabled", `acme,${app(1)},`, `globex,${app(2)},`, `initech,${app(3)},no`];
    const found = await faults(lines, { knownApps: new Map([[appId(app(1)), "Acme"]]) });
    expect(found).toMatchObject([{ code: "APP_UNKNOWN", line: 3, column: "appId", tenant: "globex", value: app(2) }]);
  });
});

describe("newTaskId", () => {
  it.each([
    ["its own source task", MONTHLY],
    ["another row's", WEEKLY],
  ])("is no source task: %s", async (_, id) => {
    const lines = ["tenant,sourceTaskId,appId,newTaskId", `acme,,${app(1)},${id}`, `globex,${WEEKLY},${app(2)},`];
    expect(await faults(lines)).toMatchObject([
      { code: "NEW_TASK_IS_SOURCE", line: 2, column: "newTaskId", value: id },
    ]);
  });
});

describe("the copy's name", () => {
  const lines = ["tenant,appId,Region Name,name", `acme,${app(1)},EMEA,`, `globex,${app(2)},APAC,`];

  it("is the row's, else the flag's, else the default", async () => {
    const content = [...lines, `initech,${app(3)},AMER,Own {tenant}`].join("\n");
    const templates = async (nameTemplate: string | undefined) =>
      (await read(content, { defaults: { nameTemplate } })).tenants.map((tenant) => tenant.nameTemplate);
    expect(await templates(undefined)).toEqual(["{task} - {tenant}", "{task} - {tenant}", "Own {tenant}"]);
    expect(await templates("F {tenant}")).toEqual(["F {tenant}", "F {tenant}", "Own {tenant}"]);
  });

  it("may use any column, read as headers are, and by each of its names", async () => {
    expect(await accepted(lines, { nameTemplate: "{region_name}" })).toBe(2);
    const { tenants } = await read(lines.join("\n"));
    const rendered = tenants.map(({ tenant, columns }) =>
      renderName("{newQlikAppId} {app id} {customer}", { tenant, task: undefined, columns }),
    );
    expect(rendered).toEqual([{ name: `${app(1)} ${app(1)} acme` }, { name: `${app(2)} ${app(2)} globex` }]);
  });

  it("uses no column that the tenant's rows fill differently, and one that only some of them fill", async () => {
    const several = ["tenant,appId,reportId,region", `acme,${app(1)},${row(1)},`, `acme,${app(1)},${row(2)},EMEA`];
    const manifest = await read(several.join("\n"), { defaults: { nameTemplate: "{region} {tenant}" } });
    expect(manifest.tenants[0]?.columns.get("region")).toBe("EMEA");
    const found = await faults([...several, `acme,${app(1)},${row(3)},APAC`], { nameTemplate: "{region} {tenant}" });
    expect(found).toMatchObject([{ code: "CONTRADICTION", line: 4, column: "region", value: "APAC" }]);
  });

  it("uses columns that there are; a flag's fault is told once, with the nearest column", async () => {
    const found = await faults(lines, { nameTemplate: "{regoinname} - {tenant} {" });
    expect(found).toMatchObject([
      { code: "PLACEHOLDER_UNKNOWN", column: "--name", line: undefined, tenant: undefined },
      { code: "PLACEHOLDER_UNKNOWN", column: "--name" },
    ]);
    expect(found[0]?.hint).toContain("{Region Name}");
    expect(found[1]?.hint).toContain("{{");
  });

  it("is told at its row where the row's own template is wrong", async () => {
    const found = await faults([...lines, `initech,${app(3)},,{tenat}`]);
    expect(found).toMatchObject([{ code: "PLACEHOLDER_UNKNOWN", line: 4, column: "name", tenant: "initech" }]);
    expect(found[0]?.hint).toContain("{tenant}");
  });

  it("is not empty, and on one line", async () => {
    const odd = ["tenant,appId,part", `acme,${app(1)},`, `globex,${app(2)},"a\nb"`];
    expect(briefly(await faults(odd, { nameTemplate: "{part}" }))).toEqual(["NAME_EMPTY@2", "CONTROL_CHARACTER@3"]);
  });
});
