import type { Problem } from "../shared/problems.js";
import { type ColumnIndex, indexColumns } from "./columns.js";
import { checkLostLetters } from "./lost-letters.js";
import type { Manifest, ManifestDefaults, ManifestTenant } from "./manifest.js";
import { type SharedValues, shareValues } from "./manifest-shared.js";
import { checkNames } from "./names.js";
import type { RawManifest } from "./raw-manifest.js";
import { judgeOfRows, type ManifestRow, missingColumns } from "./rows.js";
import { checkApps, checkNewTasks } from "./tenant-isolation.js";
import { checkSpellings } from "./tenant-spellings.js";
import { checkDisabledWithoutSource, checkGroup, groupRows, type TenantGroup, tenantOf } from "./tenants.js";

/** What a raw manifest means, or everything that is wrong with it. */
export interface ManifestReading {
  readonly content: Pick<Manifest, "tenants" | "header" | "rows">;
  /** Every fault that can be seen without the server, by line. */
  readonly faults: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** Judges a manifest: each row, then the rows of each tenant, then the tenants against each other. Linear in the rows. */
export function readRawManifest(raw: RawManifest, defaults: ManifestDefaults): ManifestReading {
  const index = indexColumns(raw.header, { file: raw.file, line: raw.headerLine });
  const shared = shareValues(raw, defaults);
  const judge = judgeOfRows(raw, index, shared);
  const rows = raw.rows.map(judge.judge);
  const groups = groupRows(rows);
  const across = checkAcross({ raw, index, shared, defaults, rows, groups });
  const faults = [raw.faults, index.faults, shared.faults, judge.faults, across.faults].flat();
  const warnings = [raw.warnings, index.warnings, shared.warnings, judge.warnings, across.warnings].flat();
  return {
    content: {
      tenants: across.tenants,
      header: raw.header,
      rows: rows.map((row) => ({ line: row.line, key: row.key, cells: row.raw.cells })),
    },
    faults: inOrder(faults),
    warnings: inOrder(warnings),
  };
}

interface Judged {
  readonly raw: RawManifest;
  readonly index: ColumnIndex;
  readonly shared: SharedValues;
  readonly defaults: ManifestDefaults;
  readonly rows: readonly ManifestRow[];
  readonly groups: readonly TenantGroup[];
}

function checkAcross(judged: Judged) {
  const { raw, index, shared, defaults, rows, groups } = judged;
  const inGroups: Findings = { faults: [], warnings: [] };
  const tenants: ManifestTenant[] = [];
  for (const group of groups) {
    tenants.push(tenantOf(group, { raw, index, shared }));
    const { faults, warnings } = checkGroup(group, raw);
    for (const fault of faults) inGroups.faults.push(fault);
    for (const warning of warnings) inGroups.warnings.push(warning);
  }
  const names = checkNames({ groups, tenants }, { raw, index, shared });
  const needed = rows.length === 0 ? raw.format === "csv" : rows.some((row) => row.enabled !== false);
  return {
    tenants,
    faults: [
      rows.length === 0 && raw.faults.length === 0 ? [noRows(raw)] : [],
      needed ? missingColumns(raw, index, shared) : [],
      inGroups.faults,
      checkSpellings(rows, groups, raw),
      checkDisabledWithoutSource(groups, raw),
      checkApps(rows, raw, { shared, defaults }),
      checkNewTasks(groups, raw, shared),
      names.faults,
    ].flat(),
    warnings: [
      inGroups.warnings,
      names.warnings,
      checkLostLetters(rows, { raw, index, nameTemplate: shared.nameTemplate }),
    ].flat(),
  };
}

interface Findings {
  readonly faults: Problem[];
  readonly warnings: Problem[];
}

function noRows(raw: RawManifest): Problem {
  return {
    code: "NO_ROWS",
    message: `The manifest ${raw.file} lists no tenant: ${raw.format === "csv" ? "below its header is no row" : "its array is empty"}.`,
    hint: "Write a row for each tenant.",
    file: raw.file,
    line: raw.headerLine,
  };
}

/** By line, those of no line first; what was told of one cell in the same words is told once. */
function inOrder(problems: readonly Problem[]): readonly Problem[] {
  const sorted = [...problems].sort((a, b) => (a.line ?? 0) - (b.line ?? 0));
  let line: number | undefined;
  let told = new Set<string>();
  return sorted.filter((problem) => {
    if (problem.line !== line) {
      line = problem.line;
      told = new Set();
    }
    const text = `${problem.code} ${problem.column} ${problem.message}`;
    if (told.has(text)) return false;
    told.add(text);
    return true;
  });
}
