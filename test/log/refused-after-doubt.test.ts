import { expect, test } from "vitest";
import type { LogEntry, PatchIntentRecord } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import { writeId } from "../../src/shared/ids.js";
import { createIntent, createOutcome } from "../support/log-samples.js";

test("the refusal of a later PATCH leaves an earlier one of the same report in doubt, and what it may have mapped possible", () => {
  const made = createIntent("acme", 1);
  const outcome = createOutcome(1);
  const [mapping] = made.mappings;
  const other = createIntent("globex", 2).mappings[0];
  if (outcome.newTaskId === undefined || mapping === undefined || other === undefined) throw new Error("a poor sample");
  const { reportId, qlikAppId, newQlikAppId } = mapping;
  const patch = (write: string, app: typeof newQlikAppId): PatchIntentRecord => ({
    type: "patch-intent",
    write: writeId(write),
    sourceTaskId: made.sourceTaskId,
    key: made.key,
    manifest: made.manifest,
    newTaskId: outcome.newTaskId as NonNullable<typeof outcome.newTaskId>,
    reportId,
    rowId: reportId,
    apps: [{ qlikAppId, newQlikAppId: app }],
    named: true,
    idempotencyKey: writeId(write),
  });
  const entries: readonly LogEntry[] = [
    made,
    outcome,
    patch("first", other.newQlikAppId),
    { type: "patch-outcome", write: writeId("first"), outcome: "in-doubt" },
    patch("second", newQlikAppId),
    { type: "patch-outcome", write: writeId("second"), outcome: "refused" },
  ];
  const log = new LogState();
  for (const entry of entries) log.apply(entry, "run");
  const report = [...log.tenants()][0]?.reports.get(reportId);
  expect(report?.known).toBeUndefined();
  expect(report?.openPatches.map(({ write }) => write)).toEqual([writeId("first")]);
  expect(report?.possible.flat().map((swap) => swap.newQlikAppId)).toEqual([newQlikAppId, other.newQlikAppId]);
});
