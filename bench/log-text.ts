import { closeSync, openSync, writeSync } from "node:fs";
import { headerLine, nextLines } from "../src/log/chain.js";
import type { LogEntry } from "../src/log/records.js";
import { foldTenantKey, parseAppId, parseReportId, parseRowId, parseTaskId, writeId } from "../src/shared/ids.js";
import { guid, MASTER_APP, REPORT, SOURCE_ROW, SOURCE_TASK, tenantApp, tenantName } from "./world.js";

const RUN = guid("88888888", 1);
const AT = "2026-01-01T00:00:00.000Z";

const TENANTS_A_GROUP = 16;

/** Writes the log of a sync that made so many copies: an intent and an outcome each, in groups of 32. */
export function writeLog(path: string, tenants: number): void {
  const fd = openSync(path, "ax");
  let end = headerLine({ server: "http://127.0.0.1:1", sourceTasks: [must(parseTaskId(SOURCE_TASK))] }, AT, RUN);
  writeSync(fd, `${end.line}\n`);
  for (let tenant = 0; tenant < tenants; tenant += TENANTS_A_GROUP) {
    const group = Array.from({ length: Math.min(TENANTS_A_GROUP, tenants - tenant) }, (_, at) =>
      recordsOf(tenant + at),
    );
    const lines = nextLines(end, group.flat(), { at: AT, run: RUN, synced: end.seq });
    writeSync(fd, lines.text);
    end = lines.end;
  }
  closeSync(fd);
}

function recordsOf(tenant: number): readonly LogEntry[] {
  const write = writeId(guid("99999999", tenant));
  const reportId = must(parseReportId(REPORT));
  const mapping = {
    reportId,
    qlikAppId: must(parseAppId(MASTER_APP)),
    newQlikAppId: must(parseAppId(tenantApp(tenant))),
  };
  return [
    {
      type: "create-intent",
      write,
      sourceTaskId: must(parseTaskId(SOURCE_TASK)),
      key: foldTenantKey(tenantName(tenant)),
      tenant: tenantName(tenant),
      manifest: "tenants.csv",
      name: `Monthly figures - ${tenantName(tenant)}`,
      mappings: [mapping],
      reports: [{ rowId: must(parseRowId(SOURCE_ROW)), reportId }],
      reportIdMode: "row",
      named: [],
      idempotencyKey: guid("aaaaaaaa", tenant),
      before: [],
      attempt: 1,
    },
    {
      type: "create-outcome",
      write,
      outcome: "succeeded",
      newTaskId: must(parseTaskId(guid("66666666", tenant + 1))),
    },
  ];
}

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the bench's own data is wrong");
  return value;
}
