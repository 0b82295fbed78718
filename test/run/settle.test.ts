import { describe, expect, it } from "vitest";
import { memoryRecorder } from "../../src/log/port.js";
import { LogState } from "../../src/log/state.js";
import { observeServer } from "../../src/plan/observe.js";
import { TenantNames } from "../../src/plan/tenant-names.js";
import { settleFound } from "../../src/run/settle.js";
import { parseReportId, parseRowId, parseTaskId } from "../../src/shared/ids.js";
import type { TaskReport } from "../../src/shared/tasks.js";
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
async function lookUpDoubt(mapped: number, found: readonly TaskReport[] | undefined, sourceLists = true) {
  const mappedId = parseReportId(guid(mapped));
  if (mappedId === undefined) throw new Error("a sample is no GUID");
  const state = new LogState();
  const intent = createIntent("acme", 1);
  const mappings = intent.mappings.map((mapping) => ({ ...mapping, reportId: mappedId }));
  state.apply({ ...intent, mappings, reports: [] }, "run-1");
  const reader = taskReader([
    {
      id: MONTHLY,
      name: "Monthly Report",
      ...(sourceLists && { reports: [report(40, SALES as TaskReport["reportId"])] }),
    },
    { id: FOUND as typeof MONTHLY, name: intent.name, ...(found === undefined ? {} : { reports: found }) },
  ]);
  const { list, sources } = await observeServer(reader, () => state, [MONTHLY]);
  const look = {
    reader,
    recorder: memoryRecorder(state, "run-2"),
    clock: { now: () => new Date(0) },
    server: { context: { log: state, list, sources, names: new TenantNames(state, []) } },
    abort: { throwIfFinal: () => undefined },
  };
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
    expect({ finding, open }).toEqual({ finding: { kind: "settled", ids: [FOUND] }, open: 0 });
  });

  it("is settled by its name where the server lists no reports at all", async () => {
    expect(await lookUpDoubt(20, undefined, false)).toMatchObject({ finding: { kind: "settled" }, open: 0 });
  });

  it("stays where the source task's reports are listed and the found task's are not: it may be a stranger's", async () => {
    expect(await lookUpDoubt(20, undefined)).toMatchObject({ finding: { kind: "candidates" }, open: 1 });
  });

  it("stays where the found task has other reports: it may be a stranger's", async () => {
    const { finding, open } = await lookUpDoubt(20, [report(90, STOCK as TaskReport["reportId"])]);
    expect({ finding, open }).toEqual({ finding: { kind: "candidates", ids: [FOUND] }, open: 1 });
  });
});

/** Doubts of so many tenants, each with its copy on the server, and how they are looked up. */
async function lookUpMany(count: number, throwIfFinal: () => void = () => undefined) {
  const state = new LogState();
  const intents = Array.from({ length: count }, (_, at) => createIntent(`tenant-${at}`, at));
  for (const intent of intents) state.apply(intent, "run-1");
  const copies = intents.map(({ name }, at) => {
    const id = parseTaskId(guid(5000 + at));
    if (id === undefined) throw new Error("a sample is no GUID");
    return { id, name, reports: [report(6000 + at, SALES as TaskReport["reportId"])] };
  });
  const source = { id: MONTHLY, name: "Monthly Report", reports: [report(40, SALES as TaskReport["reportId"])] };
  const server = taskReader([source, ...copies]);
  const { list, sources } = await observeServer(server, () => state, [MONTHLY]);
  const reads = { now: 0, most: 0, all: 0 };
  const reader = {
    ...server,
    readReports: async (id: typeof MONTHLY) => {
      reads.all += 1;
      reads.now += 1;
      reads.most = Math.max(reads.most, reads.now);
      await new Promise((resolve) => setImmediate(resolve));
      reads.now -= 1;
      return server.readReports(id);
    },
  };
  const look = {
    reader,
    recorder: memoryRecorder(state, "run-2"),
    clock: { now: () => new Date(0) },
    server: { context: { log: state, list, sources, names: new TenantNames(state, []) } },
    abort: { throwIfFinal },
  };
  const findings = await settleFound(look, [...state.tenants()]).catch((error: unknown) => error);
  const settled = [...state.tenants()].filter((tenant) => tenant.copy !== undefined).length;
  return { findings, settled, reads, copies };
}

describe("many doubts", () => {
  it("are read some at a time, and each gets its own copy", async () => {
    const { findings, settled, reads, copies } = await lookUpMany(100);
    expect([...(findings as ReadonlyMap<string, unknown>).values()]).toEqual(
      copies.map(({ id }) => ({ kind: "settled", ids: [id] })),
    );
    expect({ settled, reads }).toEqual({ settled: 100, reads: { now: 0, most: 8, all: 100 } });
  });

  it("are left where the run must end: one that was not looked at must not pass for one that was not found", async () => {
    let asked = 0;
    const { findings, settled, reads } = await lookUpMany(100, () => {
      asked += 1;
      if (asked > 2) throw new Error("the run must end");
    });
    expect(findings).toEqual(new Error("the run must end"));
    expect({ settled, all: reads.all }).toEqual({ settled: 0, all: 2 });
  });
});
