import { describe, expect, it } from "vitest";
import { observeServer } from "../../src/app/observe-server.js";
import { memoryRecorder } from "../../src/app/recorder.js";
import { settleFound } from "../../src/app/settle.js";
import { parseReportId, parseRowId, parseTaskId } from "../../src/domain/ids.js";
import { LogState } from "../../src/domain/log-state.js";
import type { TaskReport } from "../../src/domain/source-task.js";
import { createIntent, MONTHLY } from "../support/log-samples.js";
import { taskReader } from "../support/task-reader.js";

const guid = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const FOUND = parseTaskId(guid(77));
const [SALES, STOCK] = [parseReportId(guid(20)), parseReportId(guid(21))];
if (FOUND === undefined || SALES === undefined || STOCK === undefined) throw new Error("a sample is no GUID");

function report(row: number, reportId: TaskReport["reportId"]): TaskReport {
  const rowId = parseRowId(guid(row));
  if (rowId === undefined) throw new Error("a sample is no GUID");
  return { rowId, reportId, name: "Sales", mappings: [] };
}

/** Looks up one create in doubt, whose intent maps a report under this ID and saw no reports of the source task. */
async function lookUpDoubt(mapped: number, found: readonly TaskReport[] | undefined) {
  const mappedId = parseReportId(guid(mapped));
  if (mappedId === undefined) throw new Error("a sample is no GUID");
  const state = new LogState();
  const intent = createIntent("acme", 1);
  const mappings = intent.mappings.map((mapping) => ({ ...mapping, reportId: mappedId }));
  state.apply({ ...intent, mappings, reports: [] }, "run-1");
  const reader = taskReader([
    { id: MONTHLY, name: "Monthly Report", reports: [report(40, SALES as TaskReport["reportId"])] },
    { id: FOUND as typeof MONTHLY, name: intent.name, ...(found === undefined ? {} : { reports: found }) },
  ]);
  const { list, sources } = await observeServer(reader, state, [MONTHLY]);
  const look = { reader, recorder: memoryRecorder(state, "run-2"), context: { log: state, list, sources } };
  const findings = await settleFound(look, [...state.tenants()]);
  const [tenant] = state.tenants();
  return { finding: [...findings.values()][0], open: tenant?.openCreates.length };
}

describe("a doubt whose intent saw no reports of the source task", () => {
  it.each([
    ["by the published report's ID", 20],
    ["by the ID of the source task's row", 40],
  ])("is settled where the found task has the mapped report, named %s", async (_, mapped) => {
    const { finding, open } = await lookUpDoubt(mapped, [report(90, SALES as TaskReport["reportId"])]);
    expect({ finding, open }).toEqual({ finding: { kind: "settled", newTaskId: FOUND }, open: 0 });
  });

  it("is settled where the found task's reports are not shown either", async () => {
    expect(await lookUpDoubt(20, undefined)).toMatchObject({ finding: { kind: "settled" }, open: 0 });
  });

  it("stays where the found task has other reports: it may be a stranger's", async () => {
    const { finding, open } = await lookUpDoubt(20, [report(90, STOCK as TaskReport["reportId"])]);
    expect({ finding, open }).toEqual({ finding: { kind: "candidates", ids: [FOUND] }, open: 1 });
  });
});
