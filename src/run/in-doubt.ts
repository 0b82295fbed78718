import * as conflict from "../plan/conflicts.js";
import type { PlanItem } from "../plan/decide.js";
import type { PlanEntry } from "../plan/desired.js";
import type { TenantError } from "../shared/outcome.js";
import type { Finding } from "./settle.js";

/** A tenant of this run that is in doubt: how it came to be, and what the last look at the server says of it. */
export interface InDoubt {
  readonly item: PlanItem;
  readonly entry: PlanEntry;
  readonly error: TenantError;
  /** Why the doubt cannot be ended now. */
  readonly why?: TenantError | undefined;
}

/* What is told of a doubt that stays: why nothing shows the truth, and the way out. */

export function wayOut(doubt: InDoubt): string {
  return `Run the same command again; or, where you know what became of it: ${conflict.resolveCommand(namedOf(doubt), "--task-id ID")} or ${conflict.resolveCommand(namedOf(doubt), "--retry")}`;
}

export function candidateOf(doubt: InDoubt, finding: Finding | undefined): TenantError | undefined {
  if (finding?.kind !== "candidates") return undefined;
  const [first] = finding.ids;
  return {
    code: "CANDIDATE",
    message: `in doubt; ${finding.ids.length === 1 ? "this task" : "these tasks"} may be its copy: ${finding.ids.join(", ")}`,
    hint: `Look at it on the server. If it is: ${conflict.resolveCommand(namedOf(doubt), `--task-id ${first ?? "ID"}`)}. If not: ${conflict.resolveCommand(namedOf(doubt), "--retry")}`,
  };
}

export function listNotWhole(doubt: InDoubt, why: string): TenantError {
  return { code: "LIST_NOT_WHOLE", message: `in doubt; absence cannot be shown: ${why}`, hint: wayOut(doubt) };
}

export function listUnsteady(doubt: InDoubt): TenantError {
  return listNotWhole(doubt, "tasks came and went between two readings of the task list");
}

/** A list may be blind to copies, or late: only one that has shown a copy of the source task can show that another is absent. */
export function listUnproven(doubt: InDoubt): TenantError {
  return {
    code: "LIST_UNPROVEN",
    message:
      "in doubt; no copy of this source task is in the task list under its name yet, so that nothing shows whether this API key sees copies at all",
    hint: `Look at the server. ${wayOut(doubt)}`,
  };
}

export function namesMeanNothing(doubt: InDoubt): TenantError {
  return listNotWhole(doubt, "this server changes the names of copies, so that absence by name proves nothing");
}

export function namedOf(doubt: InDoubt): conflict.Named {
  return { tenant: doubt.entry.row.tenant, sourceTaskId: doubt.entry.sourceTaskId };
}
