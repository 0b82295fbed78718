import { randomUUID } from "node:crypto";
import { readSync } from "node:fs";
import { withOpenFile } from "../files/open-file.js";
import { orMissing, realPathOf, spokenCode, statOf } from "../files/paths.js";
import { appendToFile, checkOutputs, type ProtectedFile, placeResultFile, targetOf } from "../files/write-file.js";
import type { Manifest } from "../manifest/manifest.js";
import { toText } from "../reporter/layout.js";
import { lookOf } from "../reporter/look.js";
import { errorsText, problemLines, warningLines } from "../reporter/problems.js";
import { createProgress } from "../reporter/progress.js";
import { EXIT, type ExitCode, type Problem } from "../shared/problems.js";
import {
  LOCK_ENDING,
  LOG_ENDING,
  type ResultFile,
  type RunEvent,
  type RunResult,
  summarise,
  type TenantResult,
} from "../shared/results.js";
import { systemClock } from "../shared/time.js";
import { type FoundOut, hintCompleter } from "./hint-commands.js";
import type { Host } from "./host.js";
import type { OutputSettings } from "./settings.js";

/**
 * Prepares a command's outputs. Throws a StopError (exit 2) for an `--out` that cannot be: before anything starts. `stopped`: there is
 * no result of its own to tell. `completed`: makes the commands in hints mean the same wherever they are pasted; without it they are
 * typed for this platform, for who makes them does not know it.
 */
export async function openTelling(
  host: Host,
  output: OutputSettings,
  more: {
    readonly protectedFiles?: readonly ProtectedFile[];
    readonly savePlan?: string | undefined;
    readonly dryRun?: boolean;
    readonly stopped?: boolean;
    readonly found?: FoundOut;
  } = {},
) {
  const { format, verbosity, files } = output;
  const { protectedFiles = [], savePlan, dryRun = false, stopped = false } = more;
  const completed = hintCompleter(host, output.typed, more.found);
  const ofProblem = <T extends { readonly hint?: string | undefined }>(told: T): T =>
    told.hint === undefined ? told : { ...told, hint: completed(told.hint) };
  const ofTenant = (tenant: TenantResult): TenantResult =>
    tenant.error === undefined ? tenant : { ...tenant, error: ofProblem(tenant.error) };
  // A dry run's plan lists its warnings itself: on standard error they would stand there twice.
  const warns = verbosity !== "quiet" && !(dryRun && format === "human");
  const { platform } = host;
  const keep = [...protectedFiles, ...inputsOf(host, output)];
  const outputs = await checkOutputs({ results: files, plan: savePlan, protectedFiles: keep, platform });
  const all = files.flatMap(({ path, kind }, at) => ({ path, kind, target: outputs.results[at] ?? targetOf(path) }));
  const targets = stopped ? all.filter(mayReplace) : all;
  const placed = savePlan === undefined ? files : [...files, { path: savePlan }];
  const results = placed.map(({ path }) => ({ path, what: "a result" }));
  const look = lookOf(host, output, host.stdout);
  const errorLook = lookOf(host, output, host.stderr);
  const progress = await createProgress({
    stream: host.stderr.stream,
    isTTY: host.stderr.isTTY && host.env.TERM !== "dumb",
    ci: host.ci,
    quiet: verbosity === "quiet",
    verbose: verbosity === "verbose",
    warnings: warns,
    look: errorLook,
    now: () => systemClock.monotonic(),
  });
  let written = Promise.resolve();
  const lines =
    format === "ndjson"
      ? (await import("../results/json.js")).createNdjsonWriter((text) => {
          written = host.stdout.write(text);
        })
      : undefined;
  /** Writes the result in the chosen format. `next`: how to go on. */
  const answerResult = async (result: RunResult, next: string | undefined): Promise<void> => {
    if (lines !== undefined) {
      lines.finish(result);
      // Writes end in their order: the last one ends when all have.
      await written;
    } else if (format === "json") {
      const { jsonResult } = await import("../results/json.js");
      for (const piece of jsonResult(result)) await host.stdout.write(piece);
    } else if (result.tenants.length > 0 || result.errors.length === 0) {
      const { humanResult } = await import("../reporter/human.js");
      const warnings = result.dryRun || verbosity === "quiet" ? "list" : "count";
      await host.stdout.write(humanResult(result, look, { next, warnings }));
    }
  };
  return {
    /** Where `--save-plan` goes. */
    planTarget: outputs.plan,
    /** The look of standard output. */
    look,
    /** Completes what may have a hint. */
    completed: ofProblem,
    emit: (told: RunEvent): void => {
      let event = told;
      if (event.kind === "tenant") event = { ...event, result: ofTenant(event.result) };
      else if (event.kind === "warning") event = { ...event, problem: ofProblem(event.problem) };
      progress.emit(event);
      lines?.emit(event);
    },
    warn: async (problems: readonly Problem[]): Promise<void> => {
      if (warns) await host.stderr.write(toText(warningLines(problems.map(ofProblem), errorLook)));
    },
    /** Takes the live line away; what goes wrong from here on is told by the shell. */
    stop: () => progress.stop(),
    /** Writes a text answer. */
    answer: (text: string) => host.stdout.write(text),
    /**
     * Writes the result in the chosen format and to every `--out` file; says how the process shall exit. `told`: the answer was written
     * already.
     */
    finish: async (
      found: RunResult,
      {
        manifest,
        next,
        told = false,
      }: { manifest?: Manifest | undefined; next?: string | undefined; told?: boolean } = {},
    ): Promise<ExitCode> => {
      progress.stop();
      const { tenants, warnings, errors } = found;
      const made = { warnings: warnings.map(ofProblem), errors: errors.map(ofProblem) };
      const result = host.secrets.applyAll({ ...found, tenants: tenants.map(ofTenant), ...made });
      const { delimiter = ",", header = [], rows = [], columns } = manifest ?? {};
      const input = manifest && { ...host.secrets.applyAll({ delimiter, header, rows }), columns };
      let filesFailed = false;
      for (const { target, kind: ending } of targets) {
        const render = await (await import("../results/files.js")).RESULT_FORMATS[ending]();
        const problem = await placeResultFile(target, render(result, input));
        if (problem === undefined) continue;
        const kind = problem.code === "OUT_NOT_WRITTEN" ? "error" : "warning";
        filesFailed ||= kind === "error";
        await host.stderr.write(toText(problemLines(kind, problem, errorLook)));
      }
      if (!told) await answerResult(result, next);
      if (result.errors.length > 0) await host.stderr.write(errorsText(result.errors, errorLook));
      if (host.env.GITHUB_ACTIONS === "true") await tellGitHub(host, result, [...keep, ...results]);
      return result.exitCode === EXIT.ok && filesFailed ? EXIT.usage : result.exitCode;
    },
  };
}

/**
 * Every file that a command may read, with the log that stands beside a manifest and the lock beside a log, whether they are there or
 * not: a command that was stopped early has not come to know its own.
 */
function inputsOf({ env }: Host, { inputs }: OutputSettings): readonly ProtectedFile[] {
  const { QALYPTUS_IDEMPOTENCY_LOG, NODE_EXTRA_CA_CERTS, PGPASSFILE, PGSSLROOTCERT } = env;
  const byEnvironment = [QALYPTUS_IDEMPOTENCY_LOG, NODE_EXTRA_CA_CERTS, PGPASSFILE, PGSSLROOTCERT];
  const named = [...inputs, ...byEnvironment.flatMap((path) => path || [])];
  const besides = ["", LOCK_ENDING, LOG_ENDING, LOG_ENDING + LOCK_ENDING];
  // The lock of a log that a link names stands beside the log.
  const places = named.flatMap((path) => [path, realPathOf(path)]);
  return places.flatMap((path) => besides.map((ending) => ({ path: path + ending, what: "an input of this command" })));
}

/** The result of a command that has looked at no tenant. */
export function resultWithoutTenants(
  told: Pick<RunResult, "command" | "dryRun" | "warnings" | "errors" | "exitCode">,
): RunResult {
  const at = systemClock.now().toISOString();
  const nothing = { server: null, log: null, manifest: null, summary: summarise([]), tenants: [] };
  return { version: 1, runId: randomUUID(), ...told, ...nothing, startedAt: at, finishedAt: at };
}

/** On GitHub Actions: annotations at the manifest's lines, and the result as Markdown in the step's summary. */
async function tellGitHub(
  { env, stderr, platform }: Host,
  result: RunResult,
  keep: readonly ProtectedFile[],
): Promise<void> {
  const { githubAnnotations } = await import("../results/ci.js");
  for (const line of githubAnnotations(result)) await stderr.write(`${line}\n`);
  const { GITHUB_STEP_SUMMARY: path = "" } = env;
  if (path === "") return;
  const { markdownResult } = await import("../results/ci.js");
  try {
    appendToFile(targetOf(path, keep, platform), markdownResult(result));
  } catch (error) {
    await stderr.write(`warning: the step summary could not be written (${spokenCode(error)})\n`);
  }
}

/** Of a result's first line no more is looked at. */
const LONGEST_HEADER = 64 * 1024;

/**
 * Whether a file is missing, of a kind that no manifest is, or a result as this program writes them. A run that never came to know its
 * manifest cannot tell it from an old result by its path: what does not look like a result, or cannot be read, stays untouched.
 */
function mayReplace({ path, kind }: ResultFile): boolean {
  if ((kind !== "json" && kind !== "csv") || statOf(path) === undefined) return true;
  const begin = Buffer.alloc(LONGEST_HEADER);
  const text = orMissing(() => withOpenFile(path, ({ fd }) => begin.toString("utf8", 0, readSync(fd, begin)))) ?? "";
  if (kind === "json") return /^\s*\{\s*"version":\s*1,\s*"command":/.test(text);
  return /^[^\r\n]*newTaskId"?([,;\t])"?action"?\1"?outcome"?\1"?reason/i.test(text);
}
