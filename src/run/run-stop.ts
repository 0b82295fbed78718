import { hasOpenWrite } from "../log/tenant-state.js";
import type { PlanItem } from "../plan/decide.js";
import type { TenantRef } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import { EXIT, StopError } from "../shared/problems.js";
import type { End, RunSession } from "./session.js";

/** Runs a step of the whole run: what stops the run becomes its halt, and the steps after it still come. */
export async function guarded(session: RunSession, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    session.halts.halt({ kind: "fatal", error: stopOf(error) });
  }
}

/** Waits for a read. What stops the run is its halt at once, also while another read is still waited for. */
export async function haltsOnError<T>(session: RunSession, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    session.halts.halt({ kind: "fatal", error: stopOf(error) });
    throw error;
  }
}

/** Runs one tenant's step: what stops the run becomes its halt, and ends this tenant. Never rejects. */
export async function guardedFor<T>(
  session: RunSession,
  item: PlanItem,
  step: () => Promise<T | undefined>,
): Promise<T | undefined> {
  try {
    return await step();
  } catch (error) {
    endByStop(session, item, error);
    return undefined;
  }
}

/** Ends a tenant whose work was cut by what stops the whole run. */
export function endByStop(session: RunSession, item: PlanItem, error: unknown): void {
  const stop = stopOf(error);
  session.halts.halt({ kind: "fatal", error: stop });
  session.end(item, endAfterStop(session, item, stop));
}

function stopOf(error: unknown): StopError {
  if (error instanceof StopError) return error;
  return new StopError(
    EXIT.defect,
    { code: "DEFECT", message: "an unexpected error in this program", hint: "Please report it, with the output of -v" },
    { cause: error },
  );
}

/** In doubt where a write is open, else not reached. */
function endAfterStop(session: RunSession, item: PlanItem, stop: StopError): End {
  const [problem] = stop.problems;
  const error = { code: problem?.code ?? "STOPPED", message: problem?.message ?? stop.message, hint: problem?.hint };
  return isInDoubt(session, item.ref) ? { kind: "in-doubt", error } : { kind: "planned", error };
}

/**
 * A certain refusal closes its own attempt alone, and what keeps a write from being sent closes none: where an earlier one is
 * open, the tenant is in doubt as before.
 */
export function endOfRefusal(session: RunSession, { ref }: { readonly ref: TenantRef }, error: TenantError): End {
  return isInDoubt(session, ref) ? { kind: "in-doubt", error } : { kind: "failed", error };
}

/** Whether some write of this tenant has no certain outcome. */
export function isInDoubt(session: RunSession, ref: TenantRef): boolean {
  const state = session.deps.recorder.state.tenant(ref);
  return state !== undefined && hasOpenWrite(state);
}
