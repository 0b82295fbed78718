import type { ProblemCode } from "../shared/codes.js";
import {
  type AppId,
  isPrintableAscii,
  normalGuid,
  parseAppId,
  parseTaskId,
  type TaskId,
  trimAround,
} from "../shared/ids.js";
import { quote } from "../shared/quotation.js";
import { firstOf, firstUnfit } from "../shared/unfit-characters.js";
import {
  DEFAULT_NAME_TEMPLATE,
  type Findings,
  type ManifestDefaults,
  type Place,
  type RawManifest,
  type SharedText,
} from "./manifest.js";

/** Why a text is no value. `is` follows the text in a sentence. */
export interface ValueFault {
  readonly code: ProblemCode;
  readonly is: string;
}

/** The error words of spreadsheets, in the languages that Excel writes them in. */
const FORMULA_ERRORS: ReadonlySet<string> = new Set(
  [
    "#N/A #NV #N/D #N/D! #N/B #REF! #BEZUG! #¡REF! #RIF! #VERW! #ADR! #VALUE! #WERT! #VALEUR! #¡VALOR! #VALOR! #VALORE!",
    "#WAARDE! #ARG! #NAME? #NOM? #¿NOMBRE? #NOME? #NAAM? #NAZWA? #DIV/0! #¡DIV/0! #DEEL/0! #DZIEL/0! #NULL! #NUL! #¡NULO!",
    "#NULO! #NULLO! #LEEG! #ZERO! #NUM! #ZAHL! #NOMBRE! #¡NUM! #NÚM! #GETAL! #LICZBA! #SPILL! #CALC! #FIELD! #BLOCKED!",
    "#CONNECT! #BUSY! #UNKNOWN! #GETTING_DATA #ÜBERLAUF! #KALK! #PROPAGATION! #CALCUL!",
  ].flatMap((line) => line.split(" ")),
);
const OFFICE_ERROR = /^Err ?:\d{3}$/;

/**
 * What stands where a value should, and is none: a formula's error, a database's NULL, a text of which letters were lost.
 * Neither a tenant's key nor a name or an ID.
 */
export function lostValue(text: string): ValueFault | undefined {
  if (FORMULA_ERRORS.has(text) || OFFICE_ERROR.test(text))
    return { code: "FORMULA_ERROR", is: ": the error of a spreadsheet's formula, and no value" };
  if (text === "NULL" || text === "\\N")
    return { code: "NULL_VALUE", is: ": what a database writes where it has no value" };
  const lost = firstOf(/\ufffd/, text);
  if (lost === undefined) return undefined;
  const why = "stands for a letter that was lost when the file was saved or read in the wrong encoding";
  return { code: "LETTER_LOST", is: `: its character ${lost.place} is ${lost.codePoint}, which ${why}` };
}

/** Why a text can be neither a tenant's key nor a copy's name. */
export function textFault(text: string): ValueFault | undefined {
  const lost = lostValue(text);
  const unfit = lost !== undefined || isPrintableAscii(text) ? undefined : firstUnfit(text);
  if (unfit === undefined) return lost;
  const is = `: its character ${unfit.place} is ${unfit.codePoint}, which cannot be seen or breaks the line`;
  return { code: "CONTROL_CHARACTER", is };
}

/** Why a text is no GUID. It may look like one: then its first character beyond ASCII tells why it is none. */
export function guidFault(text: string): ValueFault {
  const odd = firstOf(/[^ -~]/u, text);
  const why = odd === undefined ? "" : `: its character ${odd.place} is ${odd.codePoint}`;
  return lostValue(text) ?? { code: "NOT_A_GUID", is: `, which is no GUID${why}` };
}

/** Tells that the value at a place is none. */
export function tellNoValue({ code, is }: ValueFault, value: string, at: Place, findings: Findings): void {
  findings.fault(code, `${at.column} is ${quote(value)}${is}.`, { ...at, value });
}

/** What rows that say nothing themselves take: the flag's value, else the manifest's top level's. */
export interface SharedValues {
  readonly sourceTaskId: TaskId | undefined;
  readonly masterApp: AppId | undefined;
  /** Normal GUIDs; empty where every report is meant. */
  readonly reports: readonly string[];
  readonly nameTemplate: string;
  /** Every master app that a flag or the top level names, also where rows override it. */
  readonly masters: readonly AppId[];
}

/** Settles what the rows share. A flag wins over the top level; where both are given and differ, that is a warning. */
export function shareValues({ shared }: RawManifest, defaults: ManifestDefaults, findings: Findings): SharedValues {
  const guidAtTop = <Id extends string>(parse: (text: string) => Id | undefined, given: SharedText | undefined) => {
    const text = trimAround(given?.text ?? "");
    const id = parse(text);
    if (given === undefined || text === "" || id !== undefined) return id;
    tellNoValue(guidFault(text), text, { line: given.line, column: given.column }, findings);
    return undefined;
  };
  const warnWhereOverruled = (option: string, given: string | undefined, top: string | undefined, at?: SharedText) => {
    if (!given || !top || given === top) return;
    const message = `${option} says ${quote(given)}, the manifest's top level ${quote(top)}: the flag is used.`;
    findings.warn("FLAG_OVERRIDES_MANIFEST", message, { line: at?.line, column: at?.column, value: top });
  };
  const asSet = (reports: readonly string[]) => [...new Set(reports)].sort().join(", ");
  const source = guidAtTop(parseTaskId, shared.sourceTaskId);
  const master = guidAtTop(parseAppId, shared.qlikAppId);
  const reports = (shared.reportIds ?? []).flatMap((report) => guidAtTop(normalGuid, report) ?? []);
  const name = trimAround(shared.name?.text ?? "");
  warnWhereOverruled("--source-task", defaults.sourceTaskId, source, shared.sourceTaskId);
  warnWhereOverruled("--master-app", defaults.masterApp, master, shared.qlikAppId);
  warnWhereOverruled("--name", defaults.nameTemplate, name, shared.name);
  warnWhereOverruled("--report", asSet(defaults.reports), asSet(reports), shared.reportIds?.[0]);
  return {
    sourceTaskId: defaults.sourceTaskId ?? source,
    masterApp: defaults.masterApp ?? master,
    reports: [...new Set(defaults.reports.length > 0 ? defaults.reports : reports)],
    nameTemplate: defaults.nameTemplate ?? (name || DEFAULT_NAME_TEMPLATE),
    masters: [defaults.masterApp, master].filter((app) => app !== undefined),
  };
}
