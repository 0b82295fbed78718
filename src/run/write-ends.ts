import type { CreateIntentRecord, CreateOutcomeRecord, PatchIntentRecord, PatchOutcomeRecord } from "../log/records.js";
import { mappingsNotShown } from "../plan/read-copies.js";
import type { TaskId } from "../shared/ids.js";
import type { TenantError } from "../shared/outcome.js";
import type { Known } from "./record-or-tell.js";
import type { Sent } from "./send.js";
import type { RunSession } from "./session.js";

/** A reply that was no success. */
export type NoSuccess = Exclude<Sent, { kind: "not-started" } | { kind: "succeeded" }>;

/** What a person is told of a reply that was no success. */
export function errorOf(sent: NoSuccess): TenantError {
  const { code, message, hint } = sent.problem;
  const httpStatus = "httpStatus" in sent ? sent.httpStatus : sent.kind === "slow-down" ? 429 : undefined;
  return { code, message, hint, httpStatus };
}

/** What is told of it where the log could not take its end. */
export function nothingMade(sent: NoSuccess): Known {
  return { message: `nothing was done for it (${errorOf(sent).message}), but the log could not take that` };
}

/** Whether the run's end kept a write back; one that was itself answered 429 until the run gave up has failed. */
export function isHeldBack({ halts }: RunSession, sent: NoSuccess): boolean {
  if (halts.reason?.kind === "slowed-down") return sent.kind !== "slow-down";
  return halts.reason !== undefined;
}

function certainEnd(sent: NoSuccess): Pick<CreateOutcomeRecord, "outcome" | "code" | "message" | "httpStatus"> {
  const { code, message, httpStatus } = errorOf(sent);
  return { outcome: sent.kind === "not-sent" ? "not-sent" : "refused", code, message, httpStatus };
}

/** The record of a create that certainly did nothing. */
export function certainCreateEnd(intent: CreateIntentRecord, sent: NoSuccess): CreateOutcomeRecord {
  return { type: "create-outcome", write: intent.write, ...certainEnd(sent) };
}

/** The record of a PATCH that certainly did nothing. */
export function certainPatchEnd(intent: PatchIntentRecord, sent: NoSuccess): PatchOutcomeRecord {
  return { type: "patch-outcome", write: intent.write, ...certainEnd(sent) };
}

/** Tells once for each source task that the server does not show mappings. */
export function warnMappingsNotShown(
  session: RunSession,
  of: { readonly sourceTaskId: TaskId; readonly newTaskId: TaskId; readonly tenant: string },
): void {
  if (session.notShownWarned.has(of.sourceTaskId)) return;
  session.notShownWarned.add(of.sourceTaskId);
  session.warn(mappingsNotShown(of.newTaskId, of.tenant));
}
