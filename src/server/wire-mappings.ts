import { normalGuid, parseAppId, type ReportId, type RowId } from "../shared/ids.js";
import type { AppSwap } from "../shared/mapping.js";
import { asObject, field, hasField, parseJson } from "./json-body.js";

/** A report row whose IDs are read, and the object that it came in. */
export interface SeenRow {
  readonly rowId: RowId;
  readonly reportId: ReportId;
  readonly name: string | undefined;
  readonly object: Readonly<Record<string, unknown>>;
}

const MAPPING_NAMES = ["overwritereportapps", "overwriteapps", "reportapps", "appmappings", "qlikapps"];

/**
 * The mappings of each row, in the rows' order; `undefined` where the server does not show them. `null` is not shown, for a list
 * that leaves them out looks so, unless another row of the same answer shows some: then it means none.
 */
export function rowMappings(rows: readonly SeenRow[]): readonly (readonly AppSwap[] | undefined)[] {
  const values = rows.map((row) => field(row.object, ...MAPPING_NAMES));
  const shown = rows.map((row, index) => readMappings(values[index], row));
  const showsSome = shown.some((swaps) => swaps !== undefined && swaps.length > 0);
  return shown.map((swaps, index) => (values[index] === null && showsSome ? [] : swaps));
}

function readMappings(value: unknown, row: SeenRow): readonly AppSwap[] | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string") {
    const inner = parseJson(Buffer.from(value, "utf8"));
    return inner === undefined || typeof inner.value === "string" ? undefined : readMappings(inner.value, row);
  }
  const items = Array.isArray(value) ? value : [value];
  const swaps: AppSwap[] = [];
  for (const item of items) {
    const read = readItem(item, row);
    // One entry that cannot be read, and nothing can be said of the set.
    if (read === undefined) return undefined;
    swaps.push(...read);
  }
  return swaps;
}

function readItem(item: unknown, row: SeenRow): readonly AppSwap[] | undefined {
  const object = asObject(item);
  if (object === undefined) return undefined;
  if (isAnothers(object, row)) return [];
  if (hasField(object, "qlikapps", "apps", "mappings")) {
    const inner = field(object, "qlikapps", "apps", "mappings");
    if (inner === null) return [];
    const swaps = (Array.isArray(inner) ? inner : [inner]).map(readSwaps);
    return swaps.some((one) => one === undefined) ? undefined : swaps.flatMap((one) => one ?? []);
  }
  return readSwaps(item);
}

function isAnothers(object: Readonly<Record<string, unknown>>, row: SeenRow): boolean {
  const reportId = field(object, "reportid", "taskreportid");
  if (typeof reportId !== "string") return false;
  const id = normalGuid(reportId);
  return id !== row.rowId && id !== row.reportId;
}

/** One swap with its two fields, or an object that maps apps by their IDs. */
function readSwaps(item: unknown): readonly AppSwap[] | undefined {
  const object = asObject(item);
  if (object === undefined) return undefined;
  const entries = hasField(object, "newqlikappid", "newappid", "targetappid")
    ? [[field(object, "qlikappid", "appid", "sourceappid"), field(object, "newqlikappid", "newappid", "targetappid")]]
    : Object.entries(object);
  const swaps = entries.map(([from, to]) => swapOf(from, to));
  return swaps.length === 0 || swaps.some((swap) => swap === undefined)
    ? undefined
    : swaps.flatMap((swap) => swap ?? []);
}

function swapOf(from: unknown, to: unknown): AppSwap | undefined {
  if (typeof from !== "string" || typeof to !== "string") return undefined;
  const qlikAppId = parseAppId(from);
  const newQlikAppId = parseAppId(to);
  return qlikAppId === undefined || newQlikAppId === undefined ? undefined : { qlikAppId, newQlikAppId };
}
