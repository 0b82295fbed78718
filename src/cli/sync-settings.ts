import type { SyncSettings } from "../commands/settings.js";
import type { PlanShape } from "../log/records.js";
import type { RunOptions } from "../run/run.js";
import { parseTaskId, type TaskId } from "../shared/ids.js";
import { readConnection, requireConnection } from "./connection-settings.js";
import type { GivenOptions } from "./given-options.js";
import { OPTIONS } from "./option-table.js";
import { choiceOption, durationOption, guidOption, guidOptions, integerOption } from "./option-values.js";
import { readOutputWithFiles } from "./output-settings.js";

/** The options that shape a plan: with `--resume` and `--plan` they are the earlier run's. */
export const SHAPING_OPTIONS = [
  OPTIONS.sourceTask,
  OPTIONS.masterApp,
  OPTIONS.report,
  OPTIONS.reportId,
  OPTIONS.name,
  OPTIONS.adopt,
  OPTIONS.recreate,
  OPTIONS.only,
  OPTIONS.limit,
  OPTIONS.allowSharedApp,
  OPTIONS.allowMasterApp,
  OPTIONS.allowUnmappedReport,
  OPTIONS.allowLiveSource,
];

const LEAST_SETTLE_MS = 15_000;
const DEFAULT_CONCURRENCY = 8;
const MOST_CONCURRENCY = 256;

/** An option that is a task's ID. */
export function taskIdOption(given: GivenOptions, option: { readonly long: string }): TaskId | undefined {
  const id = guidOption(given, option);
  return id === undefined ? undefined : parseTaskId(id);
}

/** What shapes the plan; options that a command does not have stay at their defaults. */
export function readShape(given: GivenOptions): PlanShape {
  return {
    sourceTask: taskIdOption(given, OPTIONS.sourceTask),
    masterApp: guidOption(given, OPTIONS.masterApp),
    reports: guidOptions(given, OPTIONS.report),
    reportId: choiceOption(given, OPTIONS.reportId, ["row", "report"]) ?? "row",
    name: given.text(OPTIONS.name),
    adopt: given.has(OPTIONS.adopt),
    recreate: given.has(OPTIONS.recreate),
    only: given.texts(OPTIONS.only),
    limit: integerOption(given, OPTIONS.limit, { least: 0 }),
    allowSharedApp: guidOptions(given, OPTIONS.allowSharedApp),
    allowMasterApp: given.texts(OPTIONS.allowMasterApp),
    allowUnmappedReport: guidOptions(given, OPTIONS.allowUnmappedReport),
    allowLiveSource: given.has(OPTIONS.allowLiveSource),
  };
}

/** A sync's settings. All faults are left with `given`. */
export function readSync(given: GivenOptions, manifest: string | undefined): SyncSettings {
  refuseContradictions(given, manifest);
  const offline = given.has(OPTIONS.offline);
  const { timeoutMs, retries } = readConnection(given);
  return {
    manifest,
    encoding: given.text(OPTIONS.encoding),
    idempotencyLog: given.text(OPTIONS.idempotencyLog),
    connection: offline ? undefined : requireConnection(given, "sync"),
    shape: readShape(given),
    run: readRun(given, { timeoutMs, retries }),
    resume: given.has(OPTIONS.resume),
    plan: given.text(OPTIONS.plan),
    savePlan: given.text(OPTIONS.savePlan),
    apps: given.text(OPTIONS.apps),
    breakLock: given.text(OPTIONS.breakLock),
    rebind: given.has(OPTIONS.rebind),
    output: readOutputWithFiles(given),
    warnings: given.warnings,
  };
}

function givenShape(given: GivenOptions): readonly string[] {
  return SHAPING_OPTIONS.filter((option) => given.has(option)).map((option) => option.long);
}

function readRun(given: GivenOptions, { timeoutMs, retries }: Pick<RunOptions, "timeoutMs" | "retries">): RunOptions {
  return {
    dryRun: given.has(OPTIONS.dryRun),
    offline: given.has(OPTIONS.offline),
    verify: given.has(OPTIONS.verify),
    newLog: given.has(OPTIONS.newLog),
    settleMs: readSettle(given, timeoutMs),
    timeoutMs,
    concurrency: integerOption(given, OPTIONS.concurrency, { least: 1, most: MOST_CONCURRENCY }) ?? DEFAULT_CONCURRENCY,
    retries,
    maxFailures: integerOption(given, OPTIONS.maxFailures, { least: 1 }),
    maxChanges: integerOption(given, OPTIONS.maxChanges, { least: 0 }),
    detailedExitCode: given.has(OPTIONS.detailedExitcode),
  };
}

function readSettle(given: GivenOptions, timeoutMs: number): number {
  const settleMs = durationOption(given, OPTIONS.settle, 0);
  if (settleMs === undefined) return Math.max(timeoutMs, LEAST_SETTLE_MS);
  if (settleMs < LEAST_SETTLE_MS)
    given.warn({
      code: "SETTLE_SHORT",
      message: `--settle ${given.text(OPTIONS.settle)}: a server that still works on a request after so short a time makes a second task`,
      hint: "Use 15s or more on a real server",
    });
  return settleMs;
}

function refuseContradictions(given: GivenOptions, manifest: string | undefined): void {
  refuseManifest(given, manifest);
  refuseShapeOfEarlierRun(given);
  const has = (option: { readonly long: string }): boolean => given.has(option);
  const { dryRun, offline, verify, plan, savePlan, resume, breakLock, rebind } = OPTIONS;
  const rules: readonly (readonly [boolean, string, string])[] = [
    [
      has(resume) && has(plan),
      "--resume and --plan are two ways to go on",
      "Give --plan to finish a saved plan, --resume for any other run",
    ],
    [has(offline) && !has(dryRun), "--offline is for dry runs only", "Add --dry-run, or leave --offline out"],
    [has(offline) && has(verify), "--verify reads the server, --offline does not", "Leave one of them out"],
    [has(offline) && has(plan), "--plan is held against the server, --offline does not read it", "Leave --offline out"],
    [has(offline) && has(rebind), "--rebind looks at the server, --offline does not", "Leave one of them out"],
    [has(savePlan) && !has(dryRun), "--save-plan keeps the plan of a dry run", "Add --dry-run"],
    [has(savePlan) && has(offline), "--save-plan needs a plan made from the server", "Leave --offline out"],
    [
      has(savePlan) && has(plan),
      "--save-plan makes a new plan, --plan carries out an old one",
      "Leave one of them out",
    ],
    [
      has(breakLock) && has(dryRun),
      "a dry run takes no lock, so there is none to break",
      "Leave --break-lock or --dry-run out",
    ],
  ];
  for (const [holds, message, hint] of rules) if (holds) given.refuse({ code: "OPTIONS_CONFLICT", message, hint });
}

function refuseManifest(given: GivenOptions, manifest: string | undefined): void {
  if (manifest === undefined && !given.has(OPTIONS.resume) && !given.has(OPTIONS.plan))
    given.refuse({
      code: "MANIFEST_MISSING",
      message: "sync needs a manifest",
      hint: "Name the CSV or JSON file: sync customers.csv. Only --resume and --plan know theirs",
    });
}

function refuseShapeOfEarlierRun(given: GivenOptions): void {
  const earlier = given.has(OPTIONS.resume)
    ? OPTIONS.resume.long
    : given.has(OPTIONS.plan)
      ? OPTIONS.plan.long
      : undefined;
  const shaping = givenShape(given);
  if (earlier === undefined || shaping.length === 0) return;
  const whose = earlier === OPTIONS.plan.long ? "the saved plan's" : "the earlier run's";
  given.refuse({
    code: "OPTIONS_CONFLICT",
    message: `${earlier} takes what shapes the plan from ${whose} options, so ${shaping.join(", ")} cannot be given`,
    hint: `Leave ${shaping.length === 1 ? "it" : "them"} out, or leave ${earlier} out to plan anew`,
  });
}
