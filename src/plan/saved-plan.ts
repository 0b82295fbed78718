import { createHash } from "node:crypto";
import * as z from "zod/mini";
import { MOST_BYTES } from "../files/open-file.js";
import { spokenCode } from "../files/paths.js";
import { readNamedFile } from "../files/read-file.js";
import { PRIVATE_FILE, type Target, writeAtomically } from "../files/write-file.js";
import { findHead } from "../log/copy.js";
import type { LogPlace } from "../log/port.js";
import { type Inferred, mappings, PLAN_SHAPE, sha256, taskId, tenantKey, text } from "../log/records.js";
import type { LoggedSync, LogState } from "../log/state.js";
import type { TenantRef } from "../shared/ids.js";
import { EXIT, type Problem, problem, type StopError, stopError } from "../shared/problems.js";
import type { Redactor } from "../shared/redaction.js";
import { ACTIONS } from "../shared/results.js";
import { harmlessJson } from "../shared/text-safety.js";
import type { PlanItem } from "./decide.js";

/* What `--plan` and `--resume` hold a sync of today against: a plan that was saved, and the last sync that wrote something. */

const savedTenant = z.strictObject({
  sourceTaskId: z.nullable(taskId),
  key: tenantKey,
  tenant: text,
  action: z.enum(ACTIONS),
  name: z.nullable(text),
  newTaskId: z.nullable(taskId),
  mappings,
});

const savedPlan = z.strictObject({
  format: z.literal("qalyptus-propagate-plan"),
  version: z.literal(2),
  savedAt: text,
  server: text,
  /** Paths as they were given: relative ones are found from the folder that the plan is carried out in. */
  manifest: z.strictObject({ path: text, sha256, encoding: z.optional(text) }),
  logFile: text,
  log: z.nullable(z.strictObject({ path: text, seq: z.int().check(z.nonnegative()), digest: sha256 })),
  apps: z.optional(z.strictObject({ path: text, sha256 })),
  /** The plan was made from what every copy showed: carried out from less, it would be another. */
  verify: z.optional(z.boolean()),
  shape: z.strictObject(PLAN_SHAPE.shape),
  tenants: z.array(savedTenant),
  digest: sha256,
});

type SavedTenant = Inferred<typeof savedTenant>;

/** A dry run's plan as `--save-plan` keeps it. `digest` is SHA-256 over everything else: an edited file shows. */
export type SavedPlan = Inferred<typeof savedPlan>;

/** Writes a plan whole or not at all. Throws a StopError (exit 2) where the disk refuses. */
export async function writeSavedPlan(target: Target, plan: SavedPlan): Promise<void> {
  try {
    await writeAtomically(target, [harmlessJson(JSON.stringify(plan, undefined, 2)), "\n"], { mode: PRIVATE_FILE });
  } catch (cause) {
    const { path } = target;
    const message = `the plan cannot be written to ${path} (${spokenCode(cause)})`;
    throw stopError(EXIT.usage, "PLAN_UNWRITABLE", message, { file: path }, cause);
  }
}

/**
 * Reads a saved plan. `expected`: `--plan-digest`, for whoever can write the file can seal it anew. Throws a StopError: exit 2 where
 * there is none, exit 7 where it was edited, is no plan or is not the expected one.
 */
export async function readSavedPlan(path: string, expected?: string): Promise<SavedPlan> {
  const named = { what: "the plan", code: "PLAN_UNREADABLE", most: MOST_BYTES.table } as const;
  const { bytes: file } = await readNamedFile(path, named);
  let json: unknown;
  try {
    json = JSON.parse(file.toString("utf8"));
  } catch {
    // What is no JSON is no plan either.
  }
  const { data } = savedPlan.safeParse(json);
  const refuse = (message: string) => stopError(EXIT.guard, "PLAN_EDITED", message, { file: path });
  if (data === undefined) throw refuse(`${path} is no plan that --save-plan wrote`);
  if (sealPlan(data).digest !== data.digest) throw refuse(`the plan ${path} was changed after it was saved`);
  if (expected !== undefined && expected !== data.digest)
    throw refuse(`the plan ${path} has the digest ${data.digest}, not that of --plan-digest`);
  return data;
}

/** The same plan with its digest: of JSON with the keys of every object in order, so that a pretty-printer may lay the file out as it likes. */
export function sealPlan(plan: Omit<SavedPlan, "digest">): SavedPlan {
  const text = JSON.stringify({ ...plan, digest: undefined }, keysInOrder);
  return { ...plan, digest: createHash("sha256").update(text).digest("hex") };
}

function keysInOrder(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A plan would be carried out on something else than it was made for. */
export function planDiffers(message: string, hint?: string): StopError {
  return stopError(EXIT.guard, "PLAN_DIFFERS", message, { hint });
}

/** Throws exit 7 where a log does not go on from the one that the plan was made with: its copies would be made a second time. */
export async function checkLogOfPlan({ log }: SavedPlan, place: LogPlace): Promise<void> {
  if (log === null || (await findHead(place, log)).found) return;
  throw planDiffers(`the plan was made with a log of the head ${log.seq}:${log.digest}, which is not in ${place.path}`);
}

/** What a saved plan keeps of each tenant. The name of a copy that is there is the server's, and may hold a secret. */
export function savedTenants(items: readonly PlanItem[], secrets: Redactor): readonly SavedTenant[] {
  return items.map(({ sourceTaskId, key, tenant, action, name, wanted }) => ({
    sourceTaskId: sourceTaskId ?? null,
    key,
    tenant,
    action: action.kind,
    name: name === undefined ? null : secrets.apply(name),
    newTaskId: action.kind === "adopt" ? action.task.id : null,
    mappings: [...wanted.mappings],
  }));
}

/**
 * Holds a plan that was made anew against the saved one, tenant by tenant: action, name, mappings. Differences of tenants that
 * runs of this very plan have written to since do not count, so that a plan that was cut short can be finished.
 */
export function comparePlans(saved: SavedPlan, tenants: readonly SavedTenant[], log: LogState): readonly Problem[] {
  const written = log.writtenUnder(saved.digest);
  const now = new Map(tenants.map((tenant) => [refOf(tenant), tenant]));
  const differences: Problem[] = [];
  const tell = (ref: TenantRef, tenant: string, difference: string | undefined): void => {
    if (difference !== undefined && !written.has(ref))
      differences.push(problem("PLAN_DIFFERS", `tenant "${tenant}": ${difference}`, { tenant }));
  };
  for (const tenant of saved.tenants) {
    const ref = refOf(tenant);
    tell(ref, tenant.tenant, differenceOf(tenant, now.get(ref)));
    now.delete(ref);
  }
  for (const [ref, { tenant, action }] of now) tell(ref, tenant, `it is new in the plan (${action})`);
  return differences;
}

function refOf({ sourceTaskId, key }: SavedTenant): TenantRef {
  return `${sourceTaskId ?? "-"} ${key}` as TenantRef;
}

function differenceOf(saved: SavedTenant, now: SavedTenant | undefined): string | undefined {
  if (now === undefined) return "it is in the plan no more";
  if (saved.action !== now.action) return `the saved plan says ${saved.action}, now it is ${now.action}`;
  if (saved.name !== now.name) return `the saved plan names it "${saved.name ?? ""}", now it is "${now.name ?? ""}"`;
  if (saved.newTaskId !== now.newTaskId)
    return `the saved plan adopts ${saved.newTaskId ?? "nothing"}, now it is ${now.newTaskId ?? "nothing"}`;
  return mappingText(saved) === mappingText(now) ? undefined : "its mappings are not those of the saved plan";
}

function mappingText({ mappings }: SavedTenant): string {
  const lines = mappings.map(({ reportId, qlikAppId, newQlikAppId }) => `${reportId} ${qlikAppId}>${newQlikAppId}`);
  return lines.sort().join("\n");
}

/** The last sync of this manifest that wrote something; `fileName` left out: of any manifest. Throws exit 7 where there is none. */
export function lastSyncOf(state: LogState, logPath: string, fileName: string | undefined): LoggedSync {
  const isOfIt = ({ wrote, manifest }: LoggedSync): boolean =>
    wrote && (fileName === undefined || manifest.fileName === fileName);
  const last = state.syncs().filter(isOfIt).at(-1);
  if (last !== undefined) return last;
  const ofManifest = fileName === undefined ? "" : `of ${fileName} `;
  const message = `the log ${logPath} holds no sync ${ofManifest}that wrote anything`;
  throw stopError(EXIT.guard, "NOTHING_TO_RESUME", message);
}

/** `--resume` is a guard, not a second path. Throws exit 7 where that sync ended well. */
export function checkResumable(last: LoggedSync): void {
  if (last.end?.exitCode === EXIT.ok && last.end.left === 0)
    throw stopError(EXIT.guard, "NOTHING_LEFT", "the last sync of this manifest ended well, with nothing left");
}
