import { existsSync } from "node:fs";
import { basename } from "node:path";
import type { LogState } from "../log/state.js";
import type { TenantState } from "../log/tenant-state.js";
import type { Manifest } from "../manifest/manifest.js";
import { humanStatus } from "../reporter/human.js";
import { jsonStatus } from "../results/json.js";
import { commandLine, hintOf, optionWords } from "../shared/hints.js";
import { type TaskId, tenantRef } from "../shared/ids.js";
import { EXIT, type ExitCode, type Problem, problem, StopError, stopError } from "../shared/problems.js";
import {
  LOG_ENDING,
  type OpenDoubt,
  type RunResult,
  type StatusReport,
  summarise,
  type TenantResult,
  type TenantStanding,
  type TenantStatus,
} from "../shared/results.js";
import type { Mapping } from "../shared/tasks.js";
import { findLog } from "./command-log.js";
import { wordsOfShape } from "./hint-commands.js";
import type { Host } from "./host.js";
import { nameInLog, readManifestInput } from "./inputs.js";
import type { SettingsOf } from "./settings.js";
import { openTelling, resultWithoutTenants } from "./telling.js";

/** `status`: what the log knows, tenant by tenant; no network, no key, no lock. */
export async function statusCommand(host: Host, settings: SettingsOf["status"]): Promise<ExitCode> {
  const telling = await openTelling(host, settings.output);
  const { place } = await findLog(host, settings);
  const { path } = place;
  if ((await place.size()) === undefined) {
    const named = settings.manifest ?? "tenants.csv";
    const hint = named.endsWith(LOG_ENDING)
      ? hintOf("That is a log itself:", commandLine("status", "--idempotency-log", named))
      : hintOf(
          "Name it with --idempotency-log. The first sync makes it. To see what it would do:",
          commandLine("sync", named, "--dry-run"),
        );
    throw stopError(EXIT.usage, "NO_LOG", `there is no idempotency log ${path}`, { hint, file: path });
  }
  const log = await place.read();
  const { manifest, warnings } = await manifestOf(settings, log.state, host.platform);
  const report: StatusReport = {
    version: 1,
    command: "status",
    server: log.state.server() ?? null,
    log: log.head,
    tenants: tenantStatuses(log.state, manifest),
    warnings: [...log.warnings, ...warnings],
    errors: [],
    exitCode: EXIT.ok,
  };
  const pieces = settings.output.format === "human" ? humanStatus(report, telling.look) : jsonStatus(report);
  for (const piece of pieces) await telling.answer(piece);
  if (settings.output.files.length === 0) return report.exitCode;
  return telling.finish(statusResult(report, manifest), { manifest, told: true });
}

/** What each standing is in a plan. */
const AS_PLANNED = {
  copied: ["unchanged", "succeeded"],
  "in-doubt": ["settle", "in-doubt"],
  gone: ["conflict", "failed"],
  failed: ["create", "failed"],
  retry: ["create", "planned"],
  none: ["create", "planned"],
} as const satisfies Record<TenantStanding, readonly [TenantResult["action"], TenantResult["outcome"]]>;

/** What the log knows as a result, for `--out`: what is mapped was mapped before as well. */
function statusResult(report: StatusReport, manifest: Manifest | undefined): RunResult {
  const tenants = report.tenants.map(({ state, orphan, mappings, doubts: _, ...known }): TenantResult => {
    const [action, outcome] = orphan ? (["orphan", "skipped"] as const) : AS_PLANNED[state];
    const told = mappings.map((mapping) => ({ ...mapping, before: mapping.newQlikAppId }));
    const reason = orphan ? "in the log, no longer in the manifest" : state === "none" ? "not begun" : state;
    return { type: "tenant", ...known, action, outcome, reason, mappings: told, attempts: 0, durationMs: 0 };
  });
  const { command, server, log, warnings, errors, exitCode } = report;
  const listed = manifest && { path: manifest.path, sha256: manifest.sha256, tenants: manifest.tenants.length };
  const empty = resultWithoutTenants({ command, dryRun: true, warnings, errors, exitCode });
  return { ...empty, server, log, manifest: listed ?? null, tenants, summary: summarise(tenants) };
}

/** What `validate` takes of a sync's options. */
const JUDGING = [
  ...(["sourceTask", "masterApp", "reports", "columns", "sheet", "name"] as const),
  ...(["allowSharedApp", "allowMasterApp", "allowUnmappedReport"] as const),
];

/**
 * The manifest, which gives the tenants' order and those that the log does not know. What its rows leave out is what the last
 * sync of it was given. A faulty manifest is no reason to hide what the log knows.
 */
async function manifestOf(
  { manifest: path, encoding, sourceTask, columns, sheet }: SettingsOf["status"],
  state: LogState,
  platform: NodeJS.Platform,
): Promise<{ readonly manifest: Manifest | undefined; readonly warnings: readonly Problem[] }> {
  if (path === undefined) return { manifest: undefined, warnings: [] };
  const fileName = nameInLog(state, basename(path), platform);
  const last = state.syncs().findLast((sync) => sync.manifest.fileName === fileName)?.shape;
  const shape = {
    ...last,
    sourceTask: sourceTask ?? last?.sourceTask,
    columns: columns.length > 0 ? columns : last?.columns,
    sheet: sheet ?? last?.sheet,
  };
  try {
    const manifest = await readManifestInput({ path, encoding, shape });
    return { manifest: { ...manifest, fileName }, warnings: manifest.warnings };
  } catch (error) {
    if (!(error instanceof StopError) || !existsSync(path)) throw error;
    const why = error.problems[0]?.message ?? error.message;
    const judging = Object.fromEntries(JUDGING.map((key) => [key, shape[key]]));
    const words = [...wordsOfShape(judging), ...(encoding === undefined ? [] : optionWords("--encoding", encoding))];
    const hint = hintOf("See all of them:", commandLine("validate", path, ...words));
    const message = `${path} has faults, so that all that the log knows is shown: ${why}`;
    return { manifest: undefined, warnings: [problem("MANIFEST_FAULTY", message, { hint, file: path })] };
  }
}

/** What the log knows of each tenant. With a manifest: its tenants in its order, then those that the log has from it besides. */
export function tenantStatuses(state: LogState, manifest: Manifest | undefined): readonly TenantStatus[] {
  const logged = [...state.tenants()];
  const sourceNameOf = (id: TaskId) => ({ sourceTaskName: state.source(id).name });
  const statusOf = (known: TenantState): TenantStatus => ({
    ...statusOfTenant(known),
    ...sourceNameOf(known.sourceTaskId),
  });
  if (manifest === undefined) return logged.map(statusOf);
  const listed = new Set<TenantState>();
  const rows = manifest.tenants.map(({ sourceTaskId, key, tenant }): TenantStatus => {
    const known = sourceTaskId && state.tenant(tenantRef(sourceTaskId, key));
    if (!known)
      return { tenant, sourceTaskId: sourceTaskId ?? "", state: "none", verified: false, mappings: [], doubts: [] };
    listed.add(known);
    return { ...statusOf(known), tenant };
  });
  const besides = logged.filter((known) => known.manifest === manifest.fileName && !listed.has(known));
  return [...rows, ...besides.map((known) => ({ ...statusOf(known), orphan: true as const }))];
}

function statusOfTenant(state: TenantState): TenantStatus {
  const { copy, openCreates, tenant, sourceTaskId, verified, verifiedAt, manifest } = state;
  const mappings: Mapping[] = [];
  const doubts = openCreates.map(({ name, at }): OpenDoubt => ({ kind: "create", name, at }));
  for (const [reportId, { known, openPatches }] of state.reports) {
    for (const swap of known ?? []) mappings.push({ reportId, ...swap });
    for (const { at } of openPatches) doubts.push({ kind: "patch", reportId, at });
  }
  return {
    tenant,
    sourceTaskId,
    state: standingOf(state, doubts.length > 0),
    newTaskId: copy?.newTaskId,
    name: copy?.name ?? openCreates.at(-1)?.name,
    verified,
    verifiedAt,
    mappings,
    manifest: manifest === "" ? undefined : manifest,
    doubts,
  };
}

function standingOf({ retry, copy }: TenantState, inDoubt: boolean): TenantStanding {
  if (retry) return "retry";
  if (inDoubt) return "in-doubt";
  if (copy !== undefined) return copy.gone ? "gone" : "copied";
  return "failed";
}
