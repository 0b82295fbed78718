import { type AppId, normalGuid, parseAppId, parseTaskId, type TaskId, trimAround } from "../shared/ids.js";
import type { Problem } from "../shared/problems.js";
import { keptValue, quote } from "../shared/quotation.js";
import { firstOf } from "../shared/unfit-characters.js";
import { DEFAULT_NAME_TEMPLATE, type ManifestDefaults } from "./manifest.js";
import type { RawManifest, SharedText } from "./raw-manifest.js";
import { lostValue, noValue, type ValuePlace } from "./value-faults.js";

/** What rows that say nothing themselves take: the flag's value, else the manifest's top level's. */
export interface SharedValues {
  readonly sourceTaskId: TaskId | undefined;
  readonly masterApp: AppId | undefined;
  /** Normal GUIDs; empty where every report is meant. */
  readonly reports: readonly string[];
  readonly nameTemplate: string;
  /** Where a fault of the shared name is: the flag, or the manifest's top level. */
  readonly nameFrom: {
    readonly what: string;
    readonly line?: number | undefined;
    readonly column?: string | undefined;
  };
  /** Every master app that a flag or the top level names, also where rows override it. */
  readonly masters: readonly AppId[];
  readonly faults: readonly Problem[];
  readonly warnings: readonly Problem[];
}

interface Notes {
  readonly file: string;
  readonly faults: Problem[];
  readonly warnings: Problem[];
}

/** Settles what the rows share. A flag wins over the top level; where both are given and differ, that is a warning. */
export function shareValues(raw: RawManifest, defaults: ManifestDefaults): SharedValues {
  const notes: Notes = { file: raw.file, faults: [], warnings: [] };
  const { shared } = raw;
  const topSource = topGuid(shared.sourceTaskId, parseTaskId, notes);
  const topMaster = topGuid(shared.qlikAppId, parseAppId, notes);
  const topReports = (shared.reportIds ?? []).flatMap((entry) => topGuid(entry, normalGuid, notes) ?? []);
  const topName = shared.name === undefined ? undefined : trimAround(shared.name.text) || undefined;
  warnWhereOverruled(
    { flag: "--source-task", given: defaults.sourceTaskId, top: topSource, at: shared.sourceTaskId },
    notes,
  );
  warnWhereOverruled({ flag: "--master-app", given: defaults.masterApp, top: topMaster, at: shared.qlikAppId }, notes);
  warnWhereOverruled({ flag: "--name", given: defaults.nameTemplate, top: topName, at: shared.name }, notes);
  warnWhereOverruled(
    { flag: "--report", given: setText(defaults.reports), top: setText(topReports), at: shared.reportIds?.[0] },
    notes,
  );
  return {
    sourceTaskId: defaults.sourceTaskId ?? topSource,
    masterApp: defaults.masterApp ?? topMaster,
    reports: [...new Set(defaults.reports.length > 0 ? defaults.reports : topReports)],
    nameTemplate: defaults.nameTemplate ?? topName ?? DEFAULT_NAME_TEMPLATE,
    nameFrom:
      defaults.nameTemplate === undefined && shared.name !== undefined
        ? { what: "The manifest's name", line: shared.name.line, column: shared.name.column }
        : { what: "--name" },
    masters: [defaults.masterApp, topMaster].filter((app) => app !== undefined),
    faults: notes.faults,
    warnings: notes.warnings,
  };
}

function setText(reports: readonly string[]): string | undefined {
  return reports.length === 0 ? undefined : [...new Set(reports)].sort().join(", ");
}

function topGuid<Id extends string>(
  given: SharedText | undefined,
  parse: (text: string) => Id | undefined,
  notes: Notes,
): Id | undefined {
  const text = given === undefined ? "" : trimAround(given.text);
  if (given === undefined || text === "") return undefined;
  const id = parse(text);
  if (id === undefined) notes.faults.push(notAGuid(text, { file: notes.file, line: given.line, column: given.column }));
  return id;
}

/** The fault of a value that should be a GUID. */
export function notAGuid(text: string, at: ValuePlace): Problem {
  const lost = lostValue(text);
  if (lost !== undefined) return noValue(lost, text, at);
  // It may look like a GUID: then only its first character beyond ASCII tells why it is none.
  const odd = firstOf(/[^ -~]/u, text);
  return {
    code: "NOT_A_GUID",
    message: `${at.column} is ${quote(text)}, which is no GUID${odd === undefined ? "" : `: its character ${odd.place} is ${odd.codePoint}`}.`,
    hint: "A GUID looks like 1f3a9c52-0000-4000-8000-000000000001: copy it from the Hub, the QMC or the task's address.",
    ...at,
    value: keptValue(text),
  };
}

interface Overruling {
  readonly flag: string;
  readonly given: string | undefined;
  readonly top: string | undefined;
  readonly at: SharedText | undefined;
}

function warnWhereOverruled(both: Overruling, notes: Notes): void {
  if (both.given === undefined || both.top === undefined || both.given === both.top) return;
  notes.warnings.push({
    code: "FLAG_OVERRIDES_MANIFEST",
    message: `${both.flag} says ${quote(both.given)}, the manifest's top level ${quote(both.top)}: the flag is used.`,
    hint: `Leave ${both.flag} out to use the manifest's value.`,
    file: notes.file,
    line: both.at?.line,
    column: both.at?.column,
    value: keptValue(both.top),
  });
}
