import { describe, expect, it } from "vitest";
import { findManifest, type InitRequest } from "../../src/commands/init.js";
import { parseReportId, parseRowId } from "../../src/shared/ids.js";
import { app, appId, copy, MASTER, MONTHLY, report, row, taskId, WEEKLY } from "../support/manifests.js";
import { type MadeUpTask, taskReader } from "../support/task-reader.js";

const REPORTS = [{ rowId: parseRowId(row(1)) ?? never(), reportId: parseReportId(report(1)) ?? never() }];
const SERVER: readonly MadeUpTask[] = [
  { id: taskId(MONTHLY), name: "Monthly Report", reports: REPORTS },
  { id: taskId(WEEKLY), name: "Weekly Sales", reports: REPORTS },
];
const APPS = [
  { id: appId(MASTER), name: "Sales" },
  { id: appId(app(1)), name: "Sales - acme" },
  { id: appId(app(2)), name: "Sales - globex" },
];
const REQUEST: InitRequest = {
  sourceTask: MONTHLY,
  masterApp: appId(MASTER),
  pattern: "Sales - {tenant}",
  apps: APPS,
};

function never(): never {
  throw new Error("the test is wrong");
}

function find(changes: Partial<InitRequest>, server: readonly MadeUpTask[] = SERVER) {
  return findManifest({ ...REQUEST, ...changes }, taskReader(server));
}

const refused = (code: string) => ({ exitCode: 2, problems: [expect.objectContaining({ code })] });

describe("the source task of a first manifest", () => {
  it.each([
    ["its ID", MONTHLY],
    ["its ID as PowerShell writes it", `{${MONTHLY.toUpperCase()}}`],
    ["its name, however it is cased and spaced", " monthly   REPORT "],
  ])("is found by %s", async (_, sourceTask) => {
    const { source, tenants } = await find({ sourceTask });
    expect(source.task).toMatchObject({ id: MONTHLY, name: "Monthly Report", reports: REPORTS });
    expect(tenants.map(({ tenant }) => tenant)).toEqual(["acme", "globex"]);
  });

  it("is refused where several have its name: their IDs are told", async () => {
    const server = [...SERVER, { id: taskId(copy(7)), name: "monthly report" }];
    await expect(find({ sourceTask: "Monthly Report" }, server)).rejects.toMatchObject(refused("SOURCE_AMBIGUOUS"));
    await expect(find({ sourceTask: "Monthly Report" }, server)).rejects.toThrow(copy(7));
  });

  it("is refused where none has its name: the tasks are told", async () => {
    await expect(find({ sourceTask: "Montly Report" })).rejects.toMatchObject(refused("SOURCE_UNKNOWN"));
    await expect(find({ sourceTask: "Montly Report" })).rejects.toThrow(`"Monthly Report" (${MONTHLY})`);
    await expect(find({ sourceTask: copy(9) })).rejects.toMatchObject(refused("SOURCE_UNKNOWN"));
  });

  it("must be named: the tasks are told", async () => {
    await expect(find({ sourceTask: undefined })).rejects.toMatchObject(refused("SOURCE_TASK_MISSING"));
    await expect(find({ sourceTask: undefined })).rejects.toThrow(`"Weekly Sales" (${WEEKLY})`);
  });

  it("can be given by its ID to a server that lists nothing, and by nothing else", async () => {
    const problem = { code: "NOT_FOUND", message: "no list" };
    const listTasks = async () => ({ kind: "none" as const, forbidden: false, problem });
    const reader = taskReader(SERVER, { listTasks });
    const { source } = await findManifest(REQUEST, reader);
    expect(source.task.name).toBe("Monthly Report");
    await expect(findManifest({ ...REQUEST, sourceTask: "Monthly Report" }, reader)).rejects.toMatchObject(
      refused("LIST_UNREADABLE"),
    );
  });
});

describe("the tenants of a first manifest", () => {
  it("are refused where two apps give one, all such in one go", async () => {
    const apps = [...APPS, { id: appId(app(3)), name: "SALES - ACME" }, { id: appId(app(4)), name: "Sales - Globex" }];
    await expect(find({ apps })).rejects.toMatchObject({
      exitCode: 2,
      problems: [
        { code: "TENANT_TWICE", tenant: "acme", message: expect.stringContaining(app(3)) },
        { code: "TENANT_TWICE", tenant: "globex", message: expect.stringContaining(app(4)) },
      ],
    });
  });

  it("are refused where no app fits: the names are told", async () => {
    await expect(find({ pattern: "HR - {tenant}" })).rejects.toMatchObject(refused("NO_APP_FITS"));
    await expect(find({ pattern: "HR - {tenant}" })).rejects.toThrow('"Sales - acme"');
  });
});
