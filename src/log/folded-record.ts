import { foldTenantKey, isPrintableAscii } from "../shared/ids.js";
import type { LogEntry } from "./records.js";

/**
 * A record with its key folded as keys are folded today: an older program may have taken two keys for two tenants that differ
 * in what nobody sees. Their records are one tenant's now, and the copy that is not the last is no longer explained: a twin.
 */
export function withFoldedKey(entry: LogEntry): LogEntry {
  if (!("key" in entry)) return entry;
  const to = entry.type === "forgotten" ? entry.to : undefined;
  if (isPrintableAscii(entry.key) && (to === undefined || isPrintableAscii(to))) return entry;
  const key = foldTenantKey(entry.key);
  const heir = to === undefined ? undefined : foldTenantKey(to);
  if (key === entry.key && heir === to) return entry;
  return entry.type === "forgotten" ? { ...entry, key, to: heir } : { ...entry, key };
}
