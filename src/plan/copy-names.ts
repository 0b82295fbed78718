import type { LogEntry } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { CrossedName, TenantState } from "../log/tenant-state.js";
import { foldName, type TaskId, type TenantRef, tenantRef } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import * as conflict from "./conflicts.js";
import type { TaskIndex } from "./task-index.js";
import type { TenantNames } from "./tenant-names.js";

/** A copy that a list shows under another name than the log has for it. */
export interface ListedOtherwise {
  readonly tenant: string;
  readonly sourceTaskId: TaskId;
  readonly newTaskId: TaskId;
  readonly from: string;
  readonly listed: string;
}

/** The tenants whose copies bear each other's names, with what each is told. */
export type Crossed = ReadonlyMap<TenantRef, TenantError>;

/** What a list says of the logged copies' names. */
export interface NameFindings {
  /** What the log has to know of it. */
  readonly entries: readonly LogEntry[];
  /** In the first list after the create: the server changes names. */
  readonly changed: readonly ListedOtherwise[];
  /** Later: somebody renamed them. */
  readonly renamed: readonly ListedOtherwise[];
  readonly crossed: Crossed;
}

/**
 * Holds each logged copy's name against a list: the server says who a task is. Every list that a run reads is looked through so,
 * whether it was read to its end or not: what it shows, it shows.
 */
export function holdNames(log: LogState, list: TaskIndex, names: TenantNames): NameFindings {
  const entries: LogEntry[] = [];
  const changed: ListedOtherwise[] = [];
  const renamed: ListedOtherwise[] = [];
  const crossed = new Map<TenantRef, TenantError>();
  let unseen = 0;
  let unseenAndUnlisted = 0;
  for (const state of log.tenants()) {
    const { copy, sourceTaskId, key, tenant, ref } = state;
    if (copy === undefined || copy.gone) continue;
    const isSeen = log.isNameSeen(copy);
    const task = list.get(copy.newTaskId);
    if (!isSeen) unseen += 1;
    if (task === undefined) {
      if (!isSeen) unseenAndUnlisted += 1;
      if (copy.crossed !== undefined) noteCrossed(crossed, log, { state, ...copy.crossed });
      continue;
    }
    const of = { sourceTaskId, key, newTaskId: copy.newTaskId };
    if (isSameName(task.name, copy.name)) {
      if (copy.crossed !== undefined) entries.push({ type: "crossed", ...of, ...copy.crossed, ended: true });
      continue;
    }
    const listed = task.name;
    // Once seen as another's it stays so, also when that other has gone, or one of the two got a third name: the copy's own name, or a
    // person, ends it.
    const other = names.ofAnother(listed, ref) ?? copy.crossed?.other;
    const otherwise = { tenant, sourceTaskId, newTaskId: copy.newTaskId, from: copy.name, listed };
    if (other !== undefined) {
      const found = { listed, other: { sourceTaskId: other.sourceTaskId, key: other.key } };
      noteCrossed(crossed, log, { state, ...found });
      if (copy.crossed?.listed !== listed) entries.push({ type: "crossed", ...of, ...found });
    } else if (isSeen) {
      renamed.push(otherwise);
      entries.push({ type: "renamed", ...of, from: copy.name, listed });
    } else {
      changed.push(otherwise);
      entries.push({ type: "name-changed", ...of, sent: copy.name, listed });
    }
  }
  if (unseen > 0 && unseenAndUnlisted === 0) entries.push({ type: "names-seen" });
  return { entries, changed, renamed, crossed };
}

function isSameName(listed: string, logged: string): boolean {
  return listed === logged || foldName(listed) === foldName(logged);
}

/** Both are told: the one whose copy bears the other's name, and the other. */
function noteCrossed(
  crossed: Map<TenantRef, TenantError>,
  log: LogState,
  { state, listed, other }: CrossedName & { readonly state: TenantState },
): void {
  const ref = tenantRef(other.sourceTaskId, other.key);
  const theirs = log.tenant(ref);
  const pair = { ...other, tenant: theirs?.tenant ?? other.key, newTaskId: theirs?.copy?.newTaskId };
  const mine = { ...state, newTaskId: state.copy?.newTaskId };
  crossed.set(state.ref, conflict.crossed(mine, pair, listed));
  if (!crossed.has(ref)) crossed.set(ref, conflict.namedForAnother(pair, mine, listed));
}
