import { quote } from "../shared/quotation.js";
import type { DesiredMapping } from "./manifest.js";
import { cellOf, type JudgedManifest, type ManifestRow, placeOf, type TenantGroup } from "./rows.js";

/** Where the rows of one tenant contradict each other. */
export function checkContradictions(manifest: JudgedManifest): void {
  for (const group of manifest.groups) {
    if (group.rows.length === 1) continue;
    const enabled = group.rows.filter((row) => row.enabled !== false);
    checkOneValue("enabled", group.rows, manifest);
    checkOneValue("name", enabled, manifest);
    checkOneValue("newTaskId", enabled, manifest);
    checkTargets(group, manifest);
  }
}

function checkOneValue(
  column: "enabled" | "name" | "newTaskId",
  rows: readonly ManifestRow[],
  manifest: JudgedManifest,
): void {
  const [first, ...others] = rows.filter((row) => row[column] !== undefined);
  for (const row of others) {
    const [here, there] = [String(row[column]), String(first?.[column])];
    if (here === there) continue;
    const values = `${quote(here)} here, but ${quote(there)} on line ${first?.line}`;
    manifest.findings.fault("CONTRADICTION", `Tenant ${quote(row.tenant ?? "")} has ${column} ${values}.`, {
      hint: `All rows of one tenant make one copy: give them the same ${column}.`,
      ...placeOf(manifest, row, column),
      value: here,
    });
  }
}

/** One report and `qlikAppId` with two targets; a mapping of every report covers each one. */
function checkTargets({ tenant, rows }: TenantGroup, manifest: JudgedManifest): void {
  /** The first mapping of each app and report. */
  const first = new Map<string, DesiredMapping>();
  const findOther = (mapping: DesiredMapping): DesiredMapping | undefined => {
    const covered =
      mapping.report === undefined
        ? [...first.values()].filter((one) => one.qlikAppId === mapping.qlikAppId)
        : [first.get(`${mapping.qlikAppId} undefined`), first.get(`${mapping.qlikAppId} ${mapping.report}`)];
    return covered.find((one) => one !== undefined && one.newQlikAppId !== mapping.newQlikAppId);
  };
  for (const row of rows) {
    for (const mapping of row.desired) {
      const other = findOther(mapping);
      const target = `${mapping.qlikAppId} ${mapping.report}`;
      if (other === undefined) {
        if (!first.has(target)) first.set(target, mapping);
        continue;
      }
      const report = mapping.report ?? other.report;
      const what = `app ${mapping.qlikAppId} of ${report === undefined ? "every report" : `report ${report}`}`;
      const targets = `${mapping.newQlikAppId} here, but to ${other.newQlikAppId} on line ${other.line}`;
      manifest.findings.fault("CONTRADICTION", `Tenant ${quote(tenant.tenant)} maps ${what} to ${targets}.`, {
        hint:
          (mapping.report === undefined) === (other.report === undefined)
            ? "One report can read one app instead of another: keep one of the two rows."
            : "A row without reportId means every report: give it a reportId too, or remove one of the two rows.",
        ...placeOf(manifest, row, "newQlikAppId"),
        value: mapping.newQlikAppId,
      });
      break;
    }
  }
}

/** Rows of one tenant that say the same: a warning. */
export function checkRepeatedRows({ groups, raw, findings }: JudgedManifest): void {
  for (const { rows } of groups) {
    if (rows.length === 1) continue;
    const first = new Map<string, ManifestRow>();
    for (const row of rows) {
      if (row.enabled === false) continue;
      const text = JSON.stringify(raw.header.map((_, position) => cellOf(row, position)));
      const same = first.get(text);
      if (same === undefined) first.set(text, row);
      else {
        const message = `This row of tenant ${quote(row.tenant ?? "")} says the same as line ${same.line}; it counts once.`;
        findings.warn("ROW_REPEATED", message, { tenant: row.tenant, line: row.line });
      }
    }
  }
}

/** A key with a disabled row that names no source task, and an enabled one: whether the tenant is enabled cannot be told. */
export function checkDisabledWithoutSource(manifest: JudgedManifest): void {
  const { groups } = manifest;
  const unplaced = groups.filter(({ tenant }) => tenant.sourceTaskId === undefined);
  if (unplaced.length === 0) return;
  const enabled = new Map(groups.flatMap(({ tenant }) => (tenant.enabled ? [[tenant.key, tenant]] : [])));
  for (const { tenant, rows } of unplaced) {
    const other = enabled.get(tenant.key);
    if (other === undefined) continue;
    const message = `Tenant ${quote(tenant.tenant)} is disabled here, but enabled on line ${other.line}.`;
    manifest.findings.fault("CONTRADICTION", message, {
      hint: "Give the disabled row its sourceTaskId, or remove one of the two.",
      ...placeOf(manifest, rows[0], "enabled"),
      value: "false",
    });
  }
}
