import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ManifestTenant } from "../../src/manifest/manifest.js";
import { mappingResolver } from "../../src/plan/desired.js";
import { parseReportId, parseRowId, type ReportId, type RowId } from "../../src/shared/ids.js";
import type { TaskReport } from "../../src/shared/tasks.js";
import { app, MASTER, read, report, row } from "../support/manifests.js";

function reportId(n: number): ReportId {
  const id = parseReportId(report(n));
  if (id === undefined) throw new Error("no GUID");
  return id;
}

function rowId(n: number): RowId {
  const id = parseRowId(row(n));
  if (id === undefined) throw new Error("no GUID");
  return id;
}

const REPORTS: readonly TaskReport[] = [1, 2, 3].map((n) => ({
  rowId: rowId(n),
  reportId: reportId(n),
  name: `Report ${n}`,
}));

/** acme, as these rows (`reportId,appId`) describe it. */
async function acme(...rows: readonly string[]): Promise<ManifestTenant> {
  const manifest = await read(["tenant,reportId,appId", ...rows.map((one) => `acme,${one}`)].join("\n"));
  const [tenant] = manifest.tenants;
  if (tenant === undefined) throw new Error("no tenant");
  return tenant;
}

const resolve = (
  tenant: ManifestTenant,
  reports: readonly TaskReport[] | undefined = REPORTS,
  more: { readonly allowUnmapped?: readonly string[]; readonly alsoReports?: readonly ReportId[] } = {},
) => mappingResolver(reports, more.allowUnmapped ?? [], "tenants.csv")(tenant, more.alsoReports ?? []);
const to = (n: number, target: string) => ({ reportId: report(n), qlikAppId: MASTER, newQlikAppId: target });

describe("mappingResolver", () => {
  it("maps every report of the task where none is named", async () => {
    expect(resolve(await acme(`,${app(1)}`))).toEqual({
      mappings: [1, 2, 3].map((n) => to(n, app(1))),
      named: [],
      problems: [],
    });
  });

  it("maps every report that the copy has, too", async () => {
    const { mappings } = resolve(await acme(`,${app(1)}`), REPORTS, { alsoReports: [reportId(3), reportId(4)] });
    expect(mappings).toEqual([1, 2, 3, 4].map((n) => to(n, app(1))));
  });

  it("takes a row's id and a reportID for the same report, in whatever order", async () => {
    const tenant = await acme(
      `${report(3)},${app(1)}`,
      `${row(1)},${app(1)}`,
      `${row(2)},${app(2)}`,
      `${report(1)},${app(1)}`,
    );
    expect(resolve(tenant)).toEqual({
      mappings: [to(1, app(1)), to(2, app(2)), to(3, app(1))],
      named: [reportId(1), reportId(2), reportId(3)],
      problems: [],
    });
  });

  it("tells a report that the task does not have, with those it has", async () => {
    const { problems } = resolve(await acme(`,${app(1)}`, `${report(9)},${app(1)}`));
    expect(problems).toMatchObject([
      { code: "REPORT_UNKNOWN", line: 3, column: "reportId", value: report(9), tenant: "acme" },
    ]);
    expect(problems[0]?.hint).toContain('"Report 2"');
  });

  it("knows a report that only the copy has", async () => {
    const { problems, mappings } = resolve(await acme(`,${app(1)}`, `${report(9)},${app(1)}`), REPORTS, {
      alsoReports: [reportId(9)],
    });
    expect(problems).toEqual([]);
    expect(mappings).toContainEqual(to(9, app(1)));
  });

  it("tells each report that is left out, unless it is allowed", async () => {
    const tenant = await acme(`${row(1)},${app(1)}`);
    const { problems } = resolve(tenant);
    expect(problems).toMatchObject([
      { code: "REPORT_LEFT_OUT", value: report(2), tenant: "acme", line: 2 },
      { code: "REPORT_LEFT_OUT", value: report(3) },
    ]);
    expect(problems[0]?.message).toContain('"Report 2"');
    expect(problems[0]?.hint).toContain(`--allow-unmapped-report ${report(2)}`);
    expect(resolve(tenant, REPORTS, { allowUnmapped: [row(2), `{${report(3).toUpperCase()}}`] }).problems).toEqual([]);
  });

  it("tells two targets that show only once the IDs are resolved", async () => {
    const { problems } = resolve(await acme(`${row(1)},${app(1)}`, `${report(1)},${app(2)}`), REPORTS.slice(0, 1));
    expect(problems).toMatchObject([{ code: "CONTRADICTION", line: 3, value: app(2), column: "newQlikAppId" }]);
    expect(problems[0]?.message).toContain("line 2");
  });

  it("takes IDs as given where the server lists no reports, and cannot mean every report", async () => {
    const resolveUnlisted = mappingResolver(undefined, [], "f");
    const listed = resolveUnlisted(await acme(`${row(1)},${app(1)}`), []);
    expect(listed).toEqual({
      mappings: [{ reportId: row(1), qlikAppId: MASTER, newQlikAppId: app(1) }],
      named: [row(1)],
      problems: [],
    });
    const every = resolveUnlisted(await acme(`,${app(1)}`), []);
    expect(every.problems).toMatchObject([
      { code: "REPORTS_UNREADABLE", line: 2, hint: expect.stringContaining("--server") },
    ]);
  });

  it("fills in what it can where reports are not known", async () => {
    const offline = mappingResolver(undefined, [], "f");
    expect(offline(await acme(`,${app(1)}`), [])).toMatchObject({ mappings: [], named: [] });
    const both = await acme(`,${app(1)}`, `${row(1)},${app(1)}`);
    expect(offline(both, [])).toMatchObject({ mappings: [{ reportId: row(1) }], named: [row(1)] });
  });

  it("resolves one mapping for every report as it resolves that mapping among others", async () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(fc.option(ids, { nil: undefined }), ids, async (listed, also) => {
        const tenant = await acme(`,${app(1)}`);
        const reports = listed?.map((n) => ({ rowId: rowId(n), reportId: reportId(n) }));
        const once = mappingResolver(reports, [], "f");
        const alsoReports = also.map(reportId);
        const twice = { ...tenant, desired: [...tenant.desired, ...tenant.desired] };
        expect(once(tenant, alsoReports)).toEqual(once(twice, alsoReports));
      }),
    );
  });

  it("maps nothing of a task without reports, and says so", async () => {
    expect(resolve(await acme(`,${app(1)}`), [])).toMatchObject({ mappings: [], problems: [{ code: "NO_REPORTS" }] });
  });
});
