import type { TenantState } from "../log/tenant-state.js";
import type { PlanContext, PlanItem } from "../plan/decide.js";
import type { TaskId, TenantRef } from "../shared/ids.js";
import { type Problem, problem } from "../shared/problems.js";
import { OUTCOME_OF_PLANNED, type TenantError, type TenantResult, type ToldMapping } from "../shared/results.js";
import { byReport, sameSwaps } from "../shared/tasks.js";
import type { Run } from "./run.js";

/** How one tenant ended for this run. `planned`: it was not reached. */
export type End =
  | { readonly kind: "succeeded" }
  | { readonly kind: "failed" | "in-doubt"; readonly error: TenantError }
  | { readonly kind: "planned"; readonly error?: TenantError | undefined };

export const SUCCEEDED: End = { kind: "succeeded" };
export const PLANNED: End = { kind: "planned" };

/** What an answer said of a tenant that the log could not take. */
export interface Unlogged {
  /** One sentence, for a person. */
  readonly message: string;
  readonly newTaskId?: TaskId | undefined;
}

/** What a run has to tell: each tenant's end, what was sent for it, and what was found beside the plan. */
export class Results {
  readonly warnings: Problem[] = [];
  /** Twins and crossed names that a look after the plan's showed. */
  readonly troubles = new Map<TenantRef, TenantError>();
  readonly #run: Run;
  readonly #unlogged = new Map<TenantRef, Unlogged>();
  readonly #warnedOf = new Set<string>();
  readonly #results = new Map<TenantRef, TenantResult>();
  /** The writes sent for each tenant, and when the first was. */
  readonly #sent = new Map<TenantRef, { attempts: number; readonly startedAt: number }>();

  constructor(run: Run) {
    this.#run = run;
  }

  warn(problem: Problem): void {
    this.warnings.push(problem);
    this.#run.emit({ kind: "warning", problem });
  }

  /** Warns of what holds for a whole source task once, however many tenants show it. */
  warnOnce(about: string, problem: Problem): void {
    if (this.#warnedOf.has(about)) return;
    this.#warnedOf.add(about);
    this.warn(problem);
  }

  /** Tells that a tenant has more than one task, or another's name: in its result, carried out by this run or not, and as a warning. */
  tellTrouble({ ref, tenant }: Pick<TenantState, "ref" | "tenant">, error: TenantError): void {
    this.troubles.set(ref, error);
    this.warn({ ...error, tenant });
  }

  /** Tells at once what the log could not take: what is known must not be lost, an ID least of all. */
  tellUnlogged(ref: TenantRef, tenant: string, known: Unlogged): void {
    this.#unlogged.set(ref, known);
    this.#run.emit({ kind: "unlogged", tenant, ...known });
  }

  countSend(ref: TenantRef): void {
    const sent = this.#sent.get(ref);
    if (sent === undefined) this.#sent.set(ref, { attempts: 1, startedAt: this.#run.clock.monotonic() });
    else sent.attempts += 1;
  }

  wasSent(ref: TenantRef): boolean {
    return this.#sent.has(ref);
  }

  /** Ends one tenant and tells it. What it says must already be in the log. */
  end(item: PlanItem, end: End): void {
    const result = this.#resultOf(item, end);
    this.#results.set(item.ref, result);
    this.#run.emit({ kind: "tenant", result });
  }

  isEnded(ref: TenantRef): boolean {
    return this.#results.has(ref);
  }

  /** An item's result, with what a later look than the plan's has shown of it. One that was carried out and never ended was not reached. */
  of(item: PlanItem, isCarried: boolean): TenantResult {
    const known = isCarried ? this.#results.get(item.ref) : plannedResult(item, this.#run.server.context);
    const result = known ?? this.#resultOf(item, PLANNED);
    const error = this.troubles.get(item.ref);
    if (error === undefined || (!isCarried && result.error !== undefined)) return result;
    // A second task leaves a copy that nothing was done to what it is. A crossed name leaves nothing that could be said of it.
    if (!isCarried && error.code === "TWIN") return { ...result, error };
    return { ...result, outcome: "failed", verified: false, error };
  }

  #resultOf(item: PlanItem, end: End): TenantResult {
    const now = this.#run.clock.monotonic();
    const sent = this.#sent.get(item.ref);
    const known = this.#unlogged.get(item.ref);
    const error = end.kind === "succeeded" ? undefined : end.error;
    const result = resultOf(item, this.#run.server.context, {
      outcome: end.kind,
      attempts: sent?.attempts ?? 0,
      durationMs: Math.round(now - (sent?.startedAt ?? now)),
      startedMs: sent && Math.round(sent.startedAt - this.#run.startedAt),
      error: error && known ? { ...error, message: `${error.message}; known is: ${known.message}` } : error,
    });
    return known?.newTaskId === undefined ? result : { ...result, newTaskId: known.newTaskId };
  }
}

/** What a result tells of a tenant besides its plan. */
type Known = Pick<PlanContext, "log" | "reportNames">;

/** An item as a dry run tells it, and as a run tells what it did not carry out. */
export function plannedResult(item: PlanItem, known: Known): TenantResult {
  const { action, twins } = item;
  // What `--verify` could not read is not as it should be, whatever an earlier run saw.
  const outcome = action.kind === "unchanged" && item.unread !== undefined ? "failed" : OUTCOME_OF_PLANNED[action.kind];
  let error = action.kind === "conflict" ? action.error : item.unread;
  if (action.kind !== "conflict" && twins.length > 0)
    error = problem("TWIN", `the server has other tasks that may be this tenant's copy: ${twins.join(", ")}`);
  return resultOf(item, known, { outcome, attempts: 0, durationMs: 0, error });
}

function resultOf(
  item: PlanItem,
  known: Known,
  done: Pick<TenantResult, "outcome" | "attempts" | "durationMs" | "startedMs" | "error">,
): TenantResult {
  const state = known.log.tenant(item.ref);
  const copy = state?.copy;
  const { action } = item;
  const adopted = action.kind === "adopt" ? action.task : undefined;
  // What failed or is about to change is not claimed.
  const verified = (done.outcome === "succeeded" || done.outcome === "skipped") && isVerified(state, item);
  return {
    type: "tenant",
    tenant: item.tenant,
    action: action.kind,
    reason: item.reason,
    sourceTaskId: item.sourceTaskId,
    newTaskId: copy === undefined || copy.gone ? adopted?.id : copy.newTaskId,
    name: adopted?.name ?? copy?.name ?? item.name,
    verified,
    verifiedAt: verified ? state?.verifiedAt : undefined,
    verifiedBy: verified ? state?.verifiedBy : undefined,
    mappings: toldMappings(item, known),
    line: item.line,
    ...done,
  };
}

/** The mappings that a tenant shall have, each with what was there before. */
function toldMappings({ wanted, mapped, action }: PlanItem, { reportNames }: Known): readonly ToldMapping[] {
  return wanted.mappings.map((mapping) => {
    const { reportId, qlikAppId } = mapping;
    const swaps = mapped?.get(reportId)?.known;
    // A copy that is yet to be made maps nothing; of a report that nobody has seen nobody knows.
    const none = action.kind === "create" ? null : undefined;
    const before =
      swaps === undefined ? none : (swaps.find((swap) => swap.qlikAppId === qlikAppId)?.newQlikAppId ?? null);
    return { ...mapping, reportName: reportNames.get(reportId), before };
  });
}

/**
 * Whether what was read back is what this plan speaks of. A tenant that is not carried out may be wanted otherwise by now; a run
 * that could not read the source task's reports may know a report by the ID that was typed only, and that was never shown.
 */
function isVerified(state: TenantState | undefined, item: PlanItem): boolean {
  if (state?.verified !== true) return false;
  const { originalRows, reports } = state;
  const { mappings } = item.wanted;
  if (originalRows !== undefined && !mappings.every((mapping) => originalRows.has(mapping.reportId))) return false;
  if (item.action.kind !== "skip") return true;
  return [...byReport(mappings)].every(([reportId, apps]) => sameSwaps(reports.get(reportId)?.known ?? [], apps));
}
