import type { LogEntry } from "../log/records.js";
import type { LogState } from "../log/state.js";
import type { CrossedName, TenantState } from "../log/tenant-state.js";
import {
  addTo,
  type FoldedName,
  foldName,
  type TaskId,
  type TenantKey,
  type TenantRef,
  tenantRef,
} from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import type { TenantError } from "../shared/results.js";
import * as conflict from "./conflicts.js";
import { namesWithoutAddition, type TaskIndex } from "./task-index.js";

/** A tenant that has a name: of the log, or of the manifest. */
type NameHolder = Pick<TenantState, "ref" | "sourceTaskId" | "key" | "tenant">;

/** A tenant of the manifest, with the name that its copy shall have; `undefined`: nobody knows it yet. */
export interface NamedTenant extends NameHolder {
  readonly name: string | undefined;
}

const NONE: readonly never[] = [];

/**
 * Whose names they are: that of each logged copy, those of open creates, and those that the manifest gives. Made for one plan, and
 * anew after the log has changed.
 */
export class TenantNames {
  readonly #logged = new Map<FoldedName, NameHolder[]>();
  readonly #planned = new Map<FoldedName, NameHolder[]>();
  /** Names that were sent. */
  readonly #sent = new Set<string>();
  /** Names of logged copies. */
  readonly #borne = new Set<string>();

  constructor(log: LogState, manifest: Iterable<NamedTenant>) {
    for (const tenant of log.tenants()) {
      const { copy, openCreates, intents } = tenant;
      for (const { name, listed } of intents) if (listed !== true) this.#sent.add(foldName(name));
      for (const { name } of openCreates) addTo(this.#logged, foldName(name), tenant);
      if (copy === undefined || copy.gone) continue;
      addTo(this.#logged, foldName(copy.ownName), tenant);
      this.#borne.add(foldName(copy.name));
    }
    for (const tenant of manifest) if (tenant.name !== undefined) addTo(this.#planned, foldName(tenant.name), tenant);
  }

  /** A tenant that has this name, where `ref` has it not. */
  ofAnother(name: string, ref: TenantRef): NameHolder | undefined {
    const holders = this.#holdersOf(name);
    return holders.some((holder) => holder.ref === ref) ? undefined : holders[0];
  }

  /** Whether a tenant other than `ref` has this name. */
  isOfAnother(name: string, ref: TenantRef): boolean {
    return this.#holdersOf(name).some((holder) => holder.ref !== ref);
  }

  /** Whether the log has this name for a customer of another key. */
  isLoggedOfAnother(name: string, key: TenantKey): boolean {
    return this.#logged.get(foldName(name))?.some((holder) => holder.key !== key) === true;
  }

  /**
   * Whether a task of this name is somebody's by its name: it was sent for a tenant or shall be, or is such a name with what a server
   * adds to a taken one. A name that a logged copy bears explains no other task: a server that changes names gives many the same.
   */
  explain(name: string): boolean {
    const folded = foldName(name);
    if (this.#borne.has(folded)) return false;
    return [folded, ...namesWithoutAddition(folded)].some(
      (taken) => this.#sent.has(taken) || this.#planned.has(taken as FoldedName),
    );
  }

  #holdersOf(name: string): readonly NameHolder[] {
    const folded = foldName(name);
    return [...(this.#logged.get(folded) ?? NONE), ...(this.#planned.get(folded) ?? NONE)];
  }
}

/** The tenants whose copies bear each other's names, with what each is told. */
export type Crossed = ReadonlyMap<TenantRef, TenantError>;

/**
 * Holds each logged copy's name against a list: the server says who a task is. Returns what the log gets of it, what people are told,
 * and who gets nothing sent any more. Every list that a run reads is looked through so,
 * whether it was read to its end or not: what it shows, it shows.
 */
export function nameFindings(log: LogState, list: TaskIndex, names: TenantNames) {
  const entries: LogEntry[] = [];
  const crossed = new Map<TenantRef, TenantError>();
  const renamed: Problem[] = [];
  /** By their source task: the copies that the server named otherwise than they were sent. */
  const changed = new Map<TaskId, { tenant: string; sent: string; listed: string }[]>();
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
    const subject = { sourceTaskId, key, newTaskId: copy.newTaskId };
    const { name: sent } = copy;
    const { name: listed } = task;
    if (listed === sent || foldName(listed) === foldName(sent)) {
      if (copy.crossed !== undefined) entries.push({ type: "crossed", ...subject, ...copy.crossed, ended: true });
      continue;
    }
    // Once seen as another's it stays so, also when that other has gone, or one of the two got a third name: the copy's own name, or a
    // person, ends it.
    const other = names.ofAnother(listed, ref) ?? copy.crossed?.other;
    if (other !== undefined) {
      const found = { listed, other: { sourceTaskId: other.sourceTaskId, key: other.key } };
      noteCrossed(crossed, log, { state, ...found });
      if (copy.crossed?.listed !== listed) entries.push({ type: "crossed", ...subject, ...found });
    } else if (isSeen) {
      entries.push({ type: "renamed", ...subject, from: sent, listed });
      const message = `the copy ${copy.newTaskId}, which was named "${sent}", is named "${listed}" on the server now: it stays the copy of this tenant`;
      renamed.push(problem("RENAMED", message, { tenant }));
    } else {
      entries.push({ type: "name-changed", ...subject, sent, listed });
      addTo(changed, sourceTaskId, { tenant, sent, listed });
    }
  }
  if (unseen > 0 && unseenAndUnlisted === 0) entries.push({ type: "names-seen" });
  // Told once for each source task: such a server changes many names.
  const warnings = [...changed.values()].flatMap(([first, ...others]) => {
    if (first === undefined) return NONE;
    const more = others.length === 0 ? "" : `, and ${others.length} more otherwise than they were sent`;
    const message = `the server named the copy "${first.listed}" instead of "${first.sent}"${more}`;
    return problem("NAME_CHANGED", message, { tenant: first.tenant });
  });
  return { entries, warnings: [...warnings, ...renamed], crossed };
}

/** Both are told: the one whose copy bears the other's name, and the other. */
function noteCrossed(
  crossed: Map<TenantRef, TenantError>,
  log: LogState,
  { state, listed, other }: CrossedName & { readonly state: TenantState },
): void {
  const ref = tenantRef(other.sourceTaskId, other.key);
  const theirs = log.tenant(ref) ?? { ref, ...other, tenant: other.key, copy: undefined };
  crossed.set(state.ref, conflict.crossed(state, theirs, listed));
  if (!crossed.has(ref)) crossed.set(ref, conflict.namedForAnother(theirs, state, listed));
}
