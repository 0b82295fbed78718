import type { Manifest, ManifestDefaults } from "../../src/manifest/manifest.js";
import { type ManifestInput, readManifest } from "../../src/manifest/read-manifest.js";
import {
  type AppId,
  foldTenantKey,
  parseAppId,
  parseTaskId,
  type TaskId,
  type TenantKey,
} from "../../src/shared/ids.js";
import { EXIT, type Problem, StopError } from "../../src/shared/problems.js";

const guid = (prefix: string, n: number) => `${prefix}-0000-4000-8000-${String(n).padStart(12, "0")}`;

/** The nth tenant's app, as a manifest writes it. */
export const app = (n: number): string => guid("22222222", n);
/** The nth report's row `id` and its `reportID`. */
export const row = (n: number): string => guid("bbbbbbbb", n);
export const report = (n: number): string => guid("cccccccc", n);
export const copy = (n: number): string => guid("dddddddd", n);
export const MASTER = guid("11111111", 1);
export const MONTHLY = guid("aaaaaaaa", 1);
export const WEEKLY = guid("aaaaaaaa", 2);

export function appId(text: string): AppId {
  return parseAppId(text) ?? fail(text);
}

export function taskId(text: string): TaskId {
  return parseTaskId(text) ?? fail(text);
}

export const tenantKey = (text: string): TenantKey => foldTenantKey(text);

function fail(text: string): never {
  throw new Error(`${text} is no GUID: the test is wrong`);
}

export const NO_DEFAULTS: ManifestDefaults = { reports: [], allowSharedApps: [], allowMasterAppFor: [] };
/** As `--source-task` and `--master-app` give them. */
export const FLAGS: ManifestDefaults = { ...NO_DEFAULTS, sourceTaskId: taskId(MONTHLY), masterApp: appId(MASTER) };

export interface Reading {
  readonly path?: string;
  readonly defaults?: Partial<ManifestDefaults>;
  readonly encoding?: string;
  readonly sheet?: string;
}

function inputOf(content: string | Uint8Array, reading: Reading): ManifestInput {
  return {
    path: reading.path ?? "tenants.csv",
    bytes: typeof content === "string" ? Buffer.from(content) : content,
    encoding: reading.encoding,
    sheet: reading.sheet,
    defaults: { ...FLAGS, ...reading.defaults },
  };
}

/** Reads a manifest that has no fault; source task and master app are given by flags. */
export function read(content: string | Uint8Array, reading: Reading = {}): Promise<Manifest> {
  return readManifest(inputOf(content, reading));
}

/** What is wrong with a manifest, each fault; it must be refused with exit 2. */
export async function faultsOf(content: string | Uint8Array, reading: Reading = {}): Promise<readonly Problem[]> {
  const refusal = await refusalOf(readManifest(inputOf(content, reading)));
  if (refusal === undefined) throw new Error("the manifest was accepted");
  return refusal.problems;
}

/** The StopError (exit 2) that a promise rejects with, or `undefined` where it resolves. Anything else is thrown on. */
export async function refusalOf(work: Promise<unknown>): Promise<StopError | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    if (error instanceof StopError && error.exitCode === EXIT.usage) return error;
    throw error;
  }
}

/** Code and line of each problem, for short expectations. */
export const briefly = (problems: readonly Problem[]): readonly string[] =>
  problems.map((problem) => `${problem.code}@${problem.line ?? "-"}`);
