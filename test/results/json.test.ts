import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  createNdjsonWriter,
  jsonStatus,
  jsonResult as resultPieces,
  safeJson,
  summaryLine,
  tenantLine,
} from "../../src/results/json.js";
import { EXIT } from "../../src/shared/problems.js";
import type { RunResult } from "../../src/shared/results.js";
import { hasControls, holdsCommand, hostileText } from "./hostile-text.js";
import { guid, plannedTenant, runResult, tenantResult } from "./sample-results.js";

const jsonResult = (result: RunResult): string => [...resultPieces(result)].join("");

const RESULT_FIELDS = [
  "version",
  "command",
  "dryRun",
  "runId",
  "server",
  "log",
  "manifest",
  "summary",
  "tenants",
  "warnings",
  "errors",
  "startedAt",
  "finishedAt",
  "exitCode",
];
const SUMMARY_FIELDS = [
  "create",
  "update",
  "adopt",
  "settle",
  "unchanged",
  "conflict",
  "orphan",
  "skip",
  "planned",
  "succeeded",
  "failed",
  "inDoubt",
  "skipped",
];
const TENANT_FIELDS = [
  "type",
  "tenant",
  "action",
  "reason",
  "outcome",
  "sourceTaskId",
  "newTaskId",
  "name",
  "verified",
  "verifiedAt",
  "mappings",
  "attempts",
  "durationMs",
  "line",
  "error",
];

describe("the JSON result", () => {
  test("has the contract's fields in the contract's order, and ends with a line end", () => {
    const error = { httpStatus: 400, hint: "correct the name", message: "refused", code: "REFUSED" };
    const text = jsonResult(runResult([tenantResult({ error, outcome: "failed" })]));
    const parsed = JSON.parse(text);
    expect(Object.keys(parsed)).toEqual(RESULT_FIELDS);
    expect(Object.keys(parsed.summary)).toEqual(SUMMARY_FIELDS);
    expect(Object.keys(parsed.tenants[0])).toEqual(TENANT_FIELDS);
    expect(Object.keys(parsed.tenants[0].error)).toEqual(["code", "message", "hint", "httpStatus"]);
    expect(Object.keys(parsed.log)).toEqual(["path", "seq", "digest"]);
    expect(text.endsWith("}\n")).toBe(true);
  });
  test("leaves out what is not known, and keeps null for a log and a server that there are not", () => {
    const parsed = JSON.parse(
      jsonResult(runResult([plannedTenant("create")], { log: null, server: null, manifest: null })),
    );
    expect(parsed).toMatchObject({ log: null, server: null, manifest: null });
    expect(parsed.tenants[0]).not.toHaveProperty("newTaskId");
    expect(parsed.tenants[0]).not.toHaveProperty("startedMs");
  });
  test("a run that could not start prints the same object with its errors", () => {
    const problem = {
      code: "NO_GUID",
      message: "no GUID",
      file: "customers.csv",
      line: 3,
      column: "appId",
      value: "x",
    };
    const parsed = JSON.parse(jsonResult(runResult([], { errors: [problem], exitCode: EXIT.usage })));
    expect(parsed).toMatchObject({ tenants: [], errors: [problem], exitCode: 2 });
  });
  test("any number of tenants comes in pieces that make one object", () => {
    const tenants = Array.from({ length: 1201 }, (_, at) => tenantResult({ tenant: `t${at}`, line: at }));
    const pieces = [...resultPieces(runResult(tenants))];
    expect(pieces.length).toBeGreaterThan(3);
    expect(JSON.parse(pieces.join("")).tenants).toHaveLength(1201);
  });
  test("carries no control character, no reordering one, and no CI command, whatever names and messages hold", () => {
    fc.assert(
      fc.property(hostileText, hostileText, (name, message) => {
        const tenant = tenantResult({ tenant: name, name, error: { code: "REFUSED", message } });
        const text = jsonResult(runResult([tenant], { warnings: [{ code: "W", message, tenant: name }] }));
        expect(hasControls(text) || holdsCommand(text) || /[\u202a-\u202e\u2066-\u2069\ufeff]/.test(text)).toBe(false);
        const parsed = JSON.parse(text).tenants[0];
        expect(hasControls(parsed.name) || parsed.name.includes("\n")).toBe(false);
      }),
      { numRuns: 300 },
    );
  });
  test("keeps what is harmless exactly", () => {
    expect(JSON.parse(safeJson({ name: '##vso[x] \u202e日本 "quoted" \\##[x' }))).toEqual({
      name: '##vso[x] \u202e日本 "quoted" \\##[x',
    });
  });
});

describe("NDJSON", () => {
  test("one whole line for each tenant, then the summary with everything but the tenants", () => {
    const written: string[] = [];
    const writer = createNdjsonWriter((text) => written.push(text));
    const acme = tenantResult();
    const globex = tenantResult({ tenant: "globex", action: "unchanged" });
    writer.emit({ kind: "step", message: "reading the task list" });
    writer.emit({ kind: "tenant", result: acme });
    expect(written).toEqual([tenantLine(acme)]);
    const result = runResult([acme, globex]);
    writer.finish(result);
    expect(written).toEqual([tenantLine(acme), tenantLine(globex), summaryLine(result)]);
    expect(Object.keys(JSON.parse(written[2] ?? ""))).toEqual([
      "type",
      ...RESULT_FIELDS.filter((field) => field !== "tenants"),
    ]);
    for (const text of written) expect(text.indexOf("\n")).toBe(text.length - 1);
  });
  test("a tenant in doubt is told at the end, when it is known whether it could be settled", () => {
    const written: string[] = [];
    const writer = createNdjsonWriter((text) => written.push(text));
    writer.emit({ kind: "tenant", result: tenantResult({ outcome: "in-doubt", newTaskId: undefined }) });
    expect(written).toEqual([]);
    writer.finish(runResult([tenantResult()]));
    expect(written.map((line) => JSON.parse(line).outcome)).toEqual(["succeeded", undefined]);
  });
  test("a tenant whose end differs from what was told is told again", () => {
    const written: string[] = [];
    const writer = createNdjsonWriter((text) => written.push(text));
    writer.emit({ kind: "tenant", result: tenantResult() });
    writer.finish(
      runResult([tenantResult({ action: "conflict", outcome: "failed", error: { code: "TWIN", message: "two" } })]),
    );
    expect(written.map((line) => JSON.parse(line).error?.code)).toEqual([undefined, "TWIN", undefined]);
  });
});

test("status as JSON is one object with the log's head and the tenants", () => {
  const log = { path: "customers.csv.idempotency.jsonl", seq: 4, digest: "abc" };
  const tenant = {
    tenant: "ac\u001bme",
    sourceTaskId: guid("50c1", 1),
    state: "in-doubt",
    verified: false,
    mappings: [],
    doubts: [{ kind: "create", name: "x" }],
  } as const;
  const pieces = jsonStatus({
    version: 1,
    command: "status",
    server: null,
    log,
    tenants: [tenant],
    warnings: [],
    errors: [],
    exitCode: 0,
  });
  const text = [...pieces].join("");
  expect(JSON.parse(text)).toMatchObject({
    command: "status",
    log,
    summary: { inDoubt: 1, copied: 0 },
    tenants: [{ tenant: "acme", state: "in-doubt" }],
    exitCode: 0,
  });
});
