import { describe, expect, it } from "vitest";
import { checkServer, type ServerQuestion } from "../../src/commands/doctor.js";
import type { PlanShape } from "../../src/log/records.js";
import { LogState } from "../../src/log/state.js";
import type { TaskReader } from "../../src/server/ports.js";
import { type Check, type CheckName, diagnose } from "../../src/shared/diagnosis.js";
import { parseAppId, parseReportId, parseRowId } from "../../src/shared/ids.js";
import { EXIT, type ExitCode, StopError } from "../../src/shared/problems.js";
import type { TaskReport } from "../../src/shared/tasks.js";
import { app, copy, MASTER, MONTHLY, read, report, row, taskId, WEEKLY } from "../support/manifests.js";
import { listOf, type MadeUpTask, taskReader } from "../support/task-reader.js";

const SHAPE: PlanShape = {
  masterApp: parseAppId(MASTER),
  reports: [],
  reportId: "row",
  adopt: false,
  recreate: false,
  only: [],
  allowSharedApp: [],
  allowMasterApp: [],
  allowUnmappedReport: [],
  allowLiveSource: false,
};
function shown(mappings: TaskReport["mappings"] = []): readonly TaskReport[] {
  const rowId = parseRowId(row(1));
  const reportId = parseReportId(report(1));
  if (rowId === undefined || reportId === undefined) throw new Error("the test is wrong");
  return [{ rowId, reportId, name: "Profit and loss", mappings }];
}

const HIDDEN: readonly TaskReport[] = shown().map(({ rowId, reportId, name }) => ({ rowId, reportId, name }));
const QUIET: MadeUpTask = {
  id: taskId(MONTHLY),
  name: "Monthly Report",
  reports: shown(),
  triggers: [],
  recipients: 0,
  enabled: false,
};
const LIVE: MadeUpTask = {
  ...QUIET,
  enabled: true,
  recipients: 3,
  triggers: [{ name: "Every Monday", appId: undefined }],
};

async function examine(reader: TaskReader, changes: Partial<ServerQuestion> = {}): Promise<readonly Check[]> {
  const question: ServerQuestion = {
    server: "https://reports.example.com",
    sourceTasks: [taskId(MONTHLY)],
    shape: SHAPE,
    newLog: false,
    log: new LogState(),
    manifest: undefined,
    noPlan: undefined,
    ...changes,
  };
  const never = new AbortController().signal;
  const interruption = () => ({ requested: never, immediate: never, signal: () => "SIGINT" as const });
  return diagnose(question.server, await checkServer(question, reader, interruption), []).checks;
}

const manifest = (reports: readonly string[] = []) =>
  read(
    `tenant,newQlikAppId,qlikAppId,sourceTaskId\nacme,${app(1)},${MASTER},${MONTHLY}\nglobex,${app(2)},${MASTER},${MONTHLY}\n`,
    { defaults: { reports } },
  );

function statusOf(checks: readonly Check[]): Partial<Record<CheckName, string>> {
  return Object.fromEntries(checks.map((check) => [check.name, check.status]));
}

function find(checks: readonly Check[], name: CheckName): Check {
  const check = checks.find((one) => one.name === name);
  if (check === undefined) throw new Error(`there is no check ${name}`);
  return check;
}

const stops = (exitCode: ExitCode, code: string) => async (): Promise<never> => {
  throw new StopError(exitCode, { code, message: `${code} it is`, hint: `mend ${code}` });
};

describe("a server that is examined", () => {
  it("is well in every line where it shows all", async () => {
    const reader = taskReader([QUIET]);
    const checks = await examine(reader, { manifest: await manifest() });
    expect(statusOf(checks.filter(({ status }) => status !== "skipped"))).toEqual({
      server: "ok",
      key: "ok",
      "task-list": "ok",
      "source-task": "ok",
      reports: "ok",
      plan: "ok",
    });
    expect(find(checks, "task-list").message).toContain("1 task");
    expect(find(checks, "plan").message).toBe("a sync would plan: 2 create");
  });

  it("that refuses the key is reached; the key's line fails with exit 5 and the rest is skipped", async () => {
    const checks = await examine(taskReader([QUIET], { listTasks: stops(EXIT.server, "KEY_REFUSED") }));
    expect(find(checks, "server").status).toBe("ok");
    expect(find(checks, "key")).toMatchObject({ status: "fail", exitCode: 5, hint: "mend KEY_REFUSED" });
    expect(
      new Set(checks.filter(({ name }) => name !== "server" && name !== "key").map((check) => check.status)),
    ).toEqual(new Set(["skipped"]));
  });

  it("that cannot be reached fails with exit 5, and nobody claims anything of the key", async () => {
    const checks = await examine(taskReader([], { listTasks: stops(EXIT.server, "UNREACHABLE") }));
    expect(find(checks, "server")).toMatchObject({ status: "fail", exitCode: 5 });
    expect(find(checks, "key").status).toBe("skipped");
  });

  it("that lacks the source task: exit 2, and there is no plan", async () => {
    const checks = await examine(taskReader([QUIET]), { sourceTasks: [taskId(WEEKLY), taskId(MONTHLY)] });
    expect(checks.filter((check) => check.name === "source-task")).toMatchObject([
      { status: "fail", exitCode: 2, problems: [{ code: "SOURCE_UNKNOWN", value: WEEKLY }] },
    ]);
    for (const name of ["server", "key"] as const) expect(find(checks, name).status).toBe("ok");
    for (const name of ["reports", "plan"] as const) expect(find(checks, name).status).toBe("skipped");
  });

  it("that forbids list and source task: the key's line fails with exit 5", async () => {
    const problem = { code: "FORBIDDEN", message: "403" };
    const unreadable = async () => ({ kind: "unreadable" as const, forbidden: true, problem });
    const listTasks = async () => ({ kind: "none" as const, forbidden: true, problem });
    const forbidding = { listTasks, readTask: unreadable, readReports: unreadable };
    const checks = await examine(taskReader([QUIET], forbidding));
    expect(find(checks, "key")).toMatchObject({ status: "fail", exitCode: 5 });
  });

  it("that answers nothing in time: exit 5", async () => {
    const problem = { code: "TIMEOUT", message: "no answer in time" };
    const listTasks = async () => ({ kind: "none" as const, forbidden: false, problem });
    const checks = await examine(taskReader([], { listTasks }), { sourceTasks: [] });
    expect(find(checks, "server")).toMatchObject({ status: "fail", exitCode: 5 });
  });

  it("without a source task to look for: says which option names one", async () => {
    const checks = await examine(taskReader([QUIET]), { sourceTasks: [] });
    expect(find(checks, "source-task")).toMatchObject({
      status: "skipped",
      hint: expect.stringContaining("--source-task"),
    });
    expect(find(checks, "key").status).toBe("ok");
  });

  it("that lacks a report which --report names: exit 2, with those that it has", async () => {
    const shape = { ...SHAPE, reports: [report(1), row(1), row(9)] };
    const checks = await examine(taskReader([QUIET]), { shape, manifest: await manifest(shape.reports) });
    expect(find(checks, "plan")).toMatchObject({ status: "fail", exitCode: 2 });
    expect(find(checks, "plan").message).toContain(row(9));
  });
});

describe("a list that is not whole", () => {
  const partial = { kind: "partial" as const, tasks: [], problem: { code: "CUT_SHORT", message: "cut short" } };
  const reader = () => taskReader([QUIET], { listTasks: async () => partial });

  it("is refused by the guard that a sync would meet: exit 7, and --new-log takes it", async () => {
    const guarded = await examine(reader(), { manifest: await manifest() });
    expect(find(guarded, "task-list").status).toBe("warn");
    expect(find(guarded, "plan")).toMatchObject({ status: "fail", exitCode: 7, problems: [{ code: "NEW_LOG" }] });
    const taken = await examine(reader(), { manifest: await manifest(), newLog: true });
    expect(find(taken, "task-list").status).toBe("warn");
    expect(find(taken, "plan")).toMatchObject({ status: "warn", problems: [{ code: "LIST_NOT_WHOLE" }] });
  });

  it("is told where the source task is not in it", async () => {
    const blind = taskReader([QUIET], { listTasks: async () => listOf([]) });
    const checks = await examine(blind, { newLog: true });
    expect(find(checks, "task-list")).toMatchObject({ status: "warn", problems: [{ code: "LIST_NOT_WHOLE" }] });
  });
});

describe("a source task whose copies would mail by themselves", () => {
  it("is refused with exit 7, unless that is allowed", async () => {
    const checks = await examine(taskReader([LIVE]), { manifest: await manifest() });
    expect(find(checks, "plan")).toMatchObject({
      status: "fail",
      exitCode: 7,
      problems: [{ code: "LIVE_SOURCE" }],
      hint: expect.stringContaining("--allow-live-source"),
    });
    const shape = { ...SHAPE, allowLiveSource: true };
    const allowed = await examine(taskReader([LIVE]), { manifest: await manifest(), shape });
    expect(find(allowed, "plan")).toMatchObject({ status: "warn", problems: [{ code: "SOURCE_MAY_MAIL" }] });
  });

  it("is no matter where a sync would make no copy of it", async () => {
    const disabled = `tenant,newQlikAppId,qlikAppId,sourceTaskId,newTaskId\nacme,${app(1)},${MASTER},${MONTHLY},${copy(1)}\n`;
    const made = { ...QUIET, id: taskId(copy(1)), name: "acme's" };
    const checks = await examine(taskReader([LIVE, made]), { manifest: await read(disabled) });
    expect(find(checks, "plan")).toMatchObject({ status: "ok", message: "a sync would plan: 1 adopt" });
  });
});

describe("mappings", () => {
  it("that the server does not show are warned of: nothing can be verified", async () => {
    const checks = await examine(taskReader([{ ...QUIET, reports: HIDDEN }]));
    expect(find(checks, "reports")).toMatchObject({ status: "warn", problems: [{ code: "MAPPINGS_NOT_SHOWN" }] });
  });

  it("can be seen where a logged copy was read back, though the source task shows none", async () => {
    const log = new LogState();
    const [tenant] = (await manifest()).tenants;
    if (tenant === undefined) throw new Error("the test is wrong");
    const holder = { sourceTaskId: taskId(MONTHLY), key: tenant.key, newTaskId: taskId(copy(1)) };
    log.apply(
      { type: "adopted", ...holder, tenant: "acme", manifest: "customers.csv", name: "acme's", by: "adopt" },
      "r",
    );
    log.apply({ type: "observed", ...holder, verified: true, reports: [], has: [] }, "r");
    const checks = await examine(taskReader([{ ...QUIET, reports: HIDDEN }]), { log });
    expect(find(checks, "reports").status).toBe("ok");
  });
});

describe("a plan with conflicts", () => {
  it("is warned of: a sync starts all the same", async () => {
    const taken: MadeUpTask = { ...QUIET, id: taskId(copy(5)), name: "Monthly Report - acme" };
    const checks = await examine(taskReader([QUIET, taken]), { manifest: await manifest() });
    expect(find(checks, "plan")).toMatchObject({
      status: "warn",
      message: expect.stringContaining("a sync would plan: 2 conflict"),
      problems: [{ tenant: "acme", code: "NAME_TAKEN" }, { tenant: "globex", code: "LOG_LOST" }, { code: "LOG_LOST" }],
    });
  });

  it("is not made where the log cannot be used", async () => {
    const checks = await examine(taskReader([LIVE]), { manifest: await manifest(), noPlan: "the log cannot be used" });
    expect(find(checks, "plan")).toMatchObject({ status: "skipped", message: "the log cannot be used" });
  });
});
