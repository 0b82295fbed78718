import type { LogEntry } from "../log/records.js";
import type { OpenPatch, TenantState } from "../log/tenant-state.js";
import { type CopyReading, readCopy, rowsToBeShown } from "../plan/read-copies.js";
import { sameSwaps } from "../shared/mapping.js";
import type { TaskReport } from "../shared/source-task.js";
import type { RunSession } from "./session.js";

/**
 * Ends PATCHes in doubt that the server shows as carried out: on every row of the report stands what the last of them wanted. None of
 * them has to be sent again. Before `--settle` has passed that holds for the only one in doubt, where something else stood there before:
 * else what is shown may be another's work, and this one may still arrive.
 */
export async function endShownPatches(
  session: RunSession,
  state: TenantState,
  so: { readonly shown: readonly TaskReport[]; readonly settled: boolean },
): Promise<void> {
  const ended: LogEntry[] = [];
  const mustShow = rowsToBeShown(state, session.context.sources?.get(state.sourceTaskId));
  for (const [reportId, { openPatches }] of state.reports) {
    const last = openPatches.at(-1);
    const rows = so.shown.filter((row) => row.reportId === reportId);
    if (last === undefined) continue;
    if (rows.length === 0) {
      // Sent by an ID that nobody could place. There is nothing that it could still change where the copy shows all that it maps, or
      // has no row of that ID either.
      const isPast = ({ rowId }: OpenPatch): boolean =>
        so.shown.every((row) => row.mappings !== undefined) || so.shown.every((row) => row.rowId !== rowId);
      if (so.settled) ended.push(...openPatches.filter(isPast).map(({ write }) => ({ ...NOTHING_TO_CHANGE, write })));
      continue;
    }
    const { known } = last.before;
    const isItsWork = openPatches.length === 1 && known !== undefined && !sameSwaps(known, last.apps);
    if (
      (so.settled || isItsWork) &&
      rows.every(({ mappings }) => mappings !== undefined && sameSwaps(mappings, last.apps))
    )
      ended.push({
        type: "patch-outcome",
        write: last.write,
        outcome: "succeeded",
        // What a row maps that is not listed, nobody sees.
        ...(rows.length < (mustShow?.get(reportId) ?? 0) && { toRead: true }),
      });
  }
  await session.deps.recorder.record(ended);
}

const NOTHING_TO_CHANGE = {
  type: "patch-outcome",
  outcome: "refused",
  code: "ROW_UNKNOWN",
  message: "the copy has no report of this ID",
} as const;

/** Looks at a copy whose PATCHes are in doubt, once, without waiting and without sending anything. */
export async function lookAtPatchDoubt(session: RunSession, state: TenantState): Promise<CopyReading | undefined> {
  if (state.copy === undefined || state.copy.gone) return undefined;
  const reading = await readCopy(session.deps.reader, state.copy.newTaskId, state.originalRows);
  if (reading.kind === "read") await endShownPatches(session, state, { shown: reading.value, settled: false });
  return reading;
}
