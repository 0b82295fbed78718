import { addTo } from "../shared/grouping.js";
import type { TenantRef } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import { shellWord } from "../shared/shell-word.js";
import { copiesLackReport } from "./conflicts.js";
import type { PlanItem } from "./decide.js";
import { listNotRead, listNotWhole } from "./observe.js";
import type { PlanContext, Twins } from "./plan-context.js";

const NONE: readonly never[] = [];

/** What a plan tells besides its items: each once, however many tenants it concerns. */
export function planWarnings(context: PlanContext, items: readonly PlanItem[], twins: Twins): readonly Problem[] {
  return [
    ...listWarnings(context),
    ...missingReports(items),
    ...twinWarnings(twins, items),
    ...crossedWarnings(context, items),
    ...migrationWarnings(context),
    ...lostLogWarnings(items),
  ];
}

/** A list that proves nothing is told by every run that wanted it, also by one with nothing to do: nobody looked for twins. */
function listWarnings({ list, sources, log }: PlanContext): readonly Problem[] {
  if (list === undefined) return NONE;
  if (list.reading.kind === "none") return [listNotRead(list.reading.problem)];
  // A manifest without enabled rows names no source task: then the log's copies are looked for all the same.
  const ids = sources?.size ? [...sources.keys()] : [...log.tenants()].map((tenant) => tenant.sourceTaskId);
  const whys = [...new Set(ids)].map(list.wholenessOf).flatMap((wholeness) => (wholeness.whole ? NONE : wholeness.why));
  return [...new Set(whys)].map(listNotWhole);
}

/** A report that copies were born without is one warning for its source task, not an update. */
function missingReports(items: readonly PlanItem[]): readonly Problem[] {
  const missing = new Map<string, string[]>();
  for (const { sourceTaskId = "", missing: reports, tenant } of items)
    for (const report of reports) addTo(missing, `${sourceTaskId} ${report}`, tenant);
  return [...missing].map(([key, tenants]) => {
    const [sourceTaskId = "", report = ""] = key.split(" ");
    return copiesLackReport(sourceTaskId, report, tenants);
  });
}

/** A twin of a tenant that is a conflict for it is told there. */
function twinWarnings(twins: Twins, items: readonly PlanItem[]): readonly Problem[] {
  const conflicts = refsInConflict(items, "TWIN");
  return [...twins.values()].flatMap(({ state: { ref, tenant, copy }, tasks }) => {
    if (conflicts.has(ref)) return NONE;
    const ids = [copy?.newTaskId, ...tasks.map((task) => task.id)];
    return problem("TWIN", `tenant "${tenant}" has more than one task: ${ids.join(", ")}`, { tenant });
  });
}

function crossedWarnings({ crossed, log }: PlanContext, items: readonly PlanItem[]): readonly Problem[] {
  const conflicts = refsInConflict(items);
  return [...crossed].flatMap(([ref, error]) =>
    conflicts.has(ref) ? NONE : { ...error, tenant: log.tenant(ref)?.tenant ?? ref },
  );
}

function refsInConflict(items: readonly PlanItem[], code?: "TWIN" | "LOG_LOST"): ReadonlySet<TenantRef> {
  const isIt = ({ action }: PlanItem): boolean =>
    action.kind === "conflict" && (code === undefined || action.error.code === code);
  return new Set(items.filter(isIt).map((item) => item.ref));
}

/** No copy is there, but tasks of their names are: the vendor's migration tool writes all tasks anew, with new IDs. */
function migrationWarnings({ list, log, manifest }: PlanContext): readonly Problem[] {
  if (list === undefined) return NONE;
  const copies = [...log.tenants()].flatMap(({ copy }) => (copy === undefined || copy.gone ? NONE : copy));
  if (copies.some(({ newTaskId }) => list.index.has(newTaskId))) return NONE;
  const hasNamesake = (name: string): boolean => list.index.named(name).some(({ id }) => !log.explains(id));
  const namesakes = copies.filter(({ name }) => hasNamesake(name)).length;
  if (namesakes === 0) return NONE;
  const message = `none of the ${copies.length} logged copies is on the server, but tasks of ${namesakes} of their names are: the server seems to have been moved, which gives every task a new ID`;
  const hint = `Keep this log, begin a new one that takes over the tasks by their names, and look at its plan first: qalyptus-propagate sync ${shellWord(manifest.path)} --idempotency-log NEW-FILE --adopt --dry-run`;
  return [problem("SERVER_MIGRATED", message, { hint })];
}

/** Told once: the remedy is one for all of them. */
function lostLogWarnings(items: readonly PlanItem[]): readonly Problem[] {
  const lost = refsInConflict(items, "LOG_LOST").size;
  if (lost === 0) return NONE;
  const tenants = lost === 1 ? "1 tenant is" : `${lost} tenants are`;
  const message = `the log knows no copy, and the server has tasks that look like copies: ${tenants} not created beside them`;
  return [problem("LOG_LOST", message)];
}
