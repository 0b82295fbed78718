/**
 * Identifiers as branded strings, so that a report row's ID cannot be sent where an app's is meant.
 * The only file that casts into a brand.
 */

import { nfkc } from "./text-limits.js";

declare const brand: unique symbol;
type Branded<Kind extends string> = string & { readonly [brand]: Kind };

/** A tenant's key as it is compared: folded by {@link foldTenantKey}. */
export type TenantKey = Branded<"TenantKey">;
/** A task on the server (source task or copy); a GUID in normal form. */
export type TaskId = Branded<"TaskId">;
/** A report's row within one task (`id`): every copy has its own. */
export type RowId = Branded<"RowId">;
/** A published report (`reportID`): the same in the source task and in its copies. */
export type ReportId = Branded<"ReportId">;
/** A Qlik Sense app; a GUID in normal form. */
export type AppId = Branded<"AppId">;
/** A task's name as it is compared: folded by {@link foldName}. */
export type FoldedName = Branded<"FoldedName">;
/** `source task + tenant key`: what a tenant is known by within one log. */
export type TenantRef = Branded<"TenantRef">;
/** One write in the log: the ID that its intent and its outcome share. */
export type WriteId = Branded<"WriteId">;

const GUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Each GUID of a text, in either case. */
export const GUID_TEXT = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/** A GUID's normal form (lower case, dashes, no braces), or `undefined` where the text is no GUID. */
export function normalGuid(text: string): string | undefined {
  // Nearly all are: the same text is kept, and nothing is made.
  if (text.length === 36 && GUID.test(text)) return text;
  const trimmed = text.trim();
  const bare =
    (trimmed.startsWith("{") && trimmed.endsWith("}")) || (trimmed.startsWith("(") && trimmed.endsWith(")"))
      ? trimmed.slice(1, -1).trim()
      : trimmed;
  const lower = bare.toLowerCase();
  if (GUID.test(lower)) return lower;
  if (/^[0-9a-f]{32}$/.test(lower))
    return `${lower.slice(0, 8)}-${lower.slice(8, 12)}-${lower.slice(12, 16)}-${lower.slice(16, 20)}-${lower.slice(20)}`;
  return undefined;
}

export const parseTaskId = (text: string): TaskId | undefined => normalGuid(text) as TaskId | undefined;
export const parseRowId = (text: string): RowId | undefined => normalGuid(text) as RowId | undefined;
export const parseReportId = (text: string): ReportId | undefined => normalGuid(text) as ReportId | undefined;
export const parseAppId = (text: string): AppId | undefined => normalGuid(text) as AppId | undefined;
export const writeId = (text: string): WriteId => text as WriteId;

/** What stands around a value in files from Excel and PowerShell: blanks, no-break and zero-width space, a stray mark. */
const AROUND = /^[\s\u200b-\u200d\u2060]+|(?<![\s\u200b-\u200d\u2060])[\s\u200b-\u200d\u2060]+$/g;

/** A value without the blanks, no-break and zero-width spaces around it. Linear, also where a value is full of blanks. */
export function trimAround(text: string): string {
  return text.replace(AROUND, "");
}

/** Text whose only blank is the space, and in which folding changes nothing but case and blanks. */
export function isPrintableAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

/** Code points that nobody sees: Unicode's Default_Ignorable_Code_Point (the soft hyphen is one of them), and Braille's blank. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\u2800]/gu;

/**
 * Without what nobody sees, NFKC, trimmed, blanks collapsed, upper case, lower case, NFKC again; no locale. What is folded stays
 * as it is when it is folded again: the capital ß has no upper case, so text goes through lower case first. In ASCII all but
 * the case is as it was.
 */
function fold(text: string): string {
  if (isPrintableAscii(text)) return text.trim().replace(/ {2,}/g, " ").toLowerCase();
  const plain = nfkc(text.replace(UNSEEN, "")).trim().replace(/\s+/g, " ");
  return nfkc(plain.toLowerCase().toUpperCase().toLowerCase());
}

/** A character that no name holds and that folding leaves alone. */
const GAP = "\u{f0000}";

/** How a folded name begins and ends that has any text between these two: a blank beside that text stays. */
export function foldAround(before: string, after: string): readonly [string, string] {
  const [start = "", end = ""] = fold(`${before}${GAP}${after}`).split(GAP);
  return [start, end];
}

/** Folds a tenant key: keys that differ only in case, blanks, compatibility forms or what nobody sees are one. */
export function foldTenantKey(text: string): TenantKey {
  return fold(text) as TenantKey;
}

/** Folds a task's name for comparing, as keys are folded. */
export function foldName(text: string): FoldedName {
  return fold(text) as FoldedName;
}

/** What a tenant is known by within one log; without a source task (a disabled row may name none) it is held in none. */
export function tenantRef(sourceTaskId: TaskId | undefined, key: TenantKey): TenantRef {
  return `${sourceTaskId ?? "-"} ${key}` as TenantRef;
}

/**
 * The reports that a user's IDs name, each by its own `reportID` or by the `id` of one of its rows; and the IDs themselves, for
 * reports that are not listed.
 */
export function reportsNamed(
  typed: readonly string[],
  rows: readonly { readonly rowId: RowId; readonly reportId: ReportId }[],
): ReadonlySet<string> {
  const named = new Set<string>(typed.map((id) => normalGuid(id) ?? id));
  for (const { rowId, reportId } of rows) if (named.has(rowId)) named.add(reportId);
  return named;
}

/** Adds a value to the group of its key. */
export function addTo<Key, Value>(groups: Map<Key, Value[]>, key: Key, value: Value): void {
  const group = groups.get(key);
  if (group === undefined) groups.set(key, [value]);
  else group.push(value);
}

/** Items by a text that some share, in their order. */
export function groupBy<Item>(items: Iterable<Item>, keyOf: (item: Item) => string): ReadonlyMap<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) addTo(groups, keyOf(item), item);
  return groups;
}
