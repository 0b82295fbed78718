import { appendFile, readFile } from "node:fs/promises";
import { codeOf } from "../files/paths.js";
import {
  checkResultFiles,
  type Placement,
  type ProtectedFile,
  placeResultFile,
  type ResultTarget,
} from "../files/write-file.js";
import type { Manifest } from "../manifest/manifest.js";
import { toText } from "../reporter/layout.js";
import { type Look, lookOf } from "../reporter/look.js";
import { errorsText, problemLines, warningLines } from "../reporter/problems.js";
import { createProgress } from "../reporter/progress.js";
import { EXIT, type ExitCode } from "../shared/problems.js";
import type { ResultFile, RunResult } from "../shared/results.js";
import { systemClock } from "../shared/time.js";
import type { Host, Tell } from "./host.js";
import type { OutputSettings } from "./settings.js";

/** How a command tells what it does and what came of it: standard output for the answer, standard error for people. */
export interface Telling extends Tell {
  /** The look of standard output. */
  readonly look: Look;
  /** Takes the live line away; what goes wrong from here on is told by `main`. */
  stop(): void;
  /** Writes a text answer. */
  answer(text: string): Promise<void>;
  /**
   * Writes the result in the chosen format and to every `--out` file; says how the process shall exit. `next`: how to go on.
   * `told`: the answer was written already.
   */
  finish(
    result: RunResult,
    more?: { readonly manifest?: Manifest | undefined; readonly next?: string | undefined; readonly told?: boolean },
  ): Promise<ExitCode>;
}

/** Prepares a command's outputs. Throws a StopError (exit 2) for an `--out` that cannot be: before anything starts. */
export async function openTelling(
  host: Host,
  output: OutputSettings,
  { protectedFiles = [], dryRun = false }: { protectedFiles?: readonly ProtectedFile[]; dryRun?: boolean } = {},
): Promise<Telling> {
  const { format, verbosity } = output;
  // A dry run's plan lists its warnings itself: on standard error they would stand there twice.
  const warns = verbosity !== "quiet" && !(dryRun && format === "human");
  const targets = await checkResultFiles(output.files, { protectedFiles, platform: host.platform });
  const look = lookOf(host, output, host.stdout);
  const errorLook = lookOf(host, output, host.stderr);
  const progress = await createProgress({
    stream: host.stderr.stream,
    isTTY: host.stderr.isTTY,
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
      ? (await import("../results/json.js")).createNdjsonWriter({
          write: (text) => {
            written = host.stdout.write(text);
          },
        })
      : undefined;
  return {
    look,
    emit: (event) => {
      progress.emit(event);
      lines?.emit(event);
    },
    warn: async (problems) => {
      if (warns) await host.stderr.write(toText(warningLines(problems, errorLook), errorLook));
    },
    stop: () => progress.stop(),
    answer: (text) => host.stdout.write(text),
    finish: async (result, { manifest, next, told = false } = {}) => {
      progress.stop();
      const placements = await writeResultFiles(targets, result, manifest);
      for (const placed of placements) {
        if (placed.kind === "placed") continue;
        const kind = placed.kind === "failed" ? "error" : "warning";
        await host.stderr.write(toText(problemLines(kind, placed.problem, errorLook), errorLook));
      }
      if (lines !== undefined) {
        lines.finish(result);
        // Writes end in their order: the last one ends when all have.
        await written;
      } else if (format === "json") {
        const { jsonResult } = await import("../results/json.js");
        for (const piece of jsonResult(result)) await host.stdout.write(piece);
      } else if (!told) await writeHumanAnswer(host, result, { look, next, quiet: verbosity === "quiet" });
      if (result.errors.length > 0) await host.stderr.write(errorsText(result.errors, errorLook));
      await tellGitHub(host, result);
      const filesFailed = placements.some(({ kind }) => kind === "failed");
      return result.exitCode === EXIT.ok && filesFailed ? EXIT.usage : result.exitCode;
    },
  };
}

async function writeHumanAnswer(
  host: Host,
  result: RunResult,
  how: { readonly look: Look; readonly next: string | undefined; readonly quiet: boolean },
): Promise<void> {
  if (result.tenants.length === 0 && result.errors.length > 0) return;
  const { humanResult } = await import("../reporter/human.js");
  const warnings = result.dryRun || how.quiet ? "list" : "count";
  await host.stdout.write(humanResult(result, how.look, { next: how.next, warnings }));
}

/** Writes a result to each `--out` file, whole or not at all. */
async function writeResultFiles(
  targets: readonly (ResultFile & ResultTarget)[],
  result: RunResult,
  manifest: Manifest | undefined,
): Promise<readonly Placement[]> {
  if (targets.length === 0) return [];
  const { RESULT_FORMATS } = await import("../results/formats.js");
  const placements: Placement[] = [];
  for (const target of targets) {
    const render = await RESULT_FORMATS[target.kind]();
    placements.push(await placeResultFile(target, render(result, manifest)));
  }
  return placements;
}

/** On GitHub Actions: annotations at the manifest's lines, and the result as the step's summary. */
async function tellGitHub(host: Host, result: RunResult): Promise<void> {
  if (host.env.GITHUB_ACTIONS !== "true") return;
  const { githubAnnotations } = await import("../results/github.js");
  for (const line of githubAnnotations(result)) await host.stderr.write(`${line}\n`);
  await writeStepSummary(host, result);
}

/** Adds the result as Markdown to the step's summary. Where that cannot be written, a warning says so. */
async function writeStepSummary({ env, stderr }: Host, result: RunResult): Promise<void> {
  const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY: path = "" } = env;
  if (GITHUB_ACTIONS !== "true" || path === "") return;
  const { markdownResult } = await import("../results/markdown.js");
  try {
    await appendFile(path, markdownResult(result));
  } catch (error) {
    await stderr.write(`warning: the step summary could not be written (${codeOf(error) || "unknown error"})\n`);
  }
}

/** A command line that was refused although it asked for result files. */
export interface Refusal {
  /** The whole result: no tenants, the errors, the exit code. */
  readonly result: RunResult;
  readonly files: readonly ResultFile[];
  /** Every other path of the command line: a result is never put over one of these. */
  readonly inputs: readonly string[];
}

/**
 * Writes the step's summary and the `--out` files of a command line that was refused, so that no old result is taken for this
 * one's. A run that never came to know its manifest cannot tell it from an old result by its path: what does not look like a
 * result stays untouched.
 */
export async function writeRefusal(host: Host, { result, files, inputs }: Refusal): Promise<void> {
  await writeStepSummary(host, result);
  // Refused for one of these files: then none of them is written.
  if (result.errors.some((error) => error.code.startsWith("OUT_"))) return;
  const targets = await checkResultFiles(files, {
    protectedFiles: inputs.map((path) => ({ path, what: "an input of this command" })),
    platform: host.platform,
  });
  const mine: (ResultFile & ResultTarget)[] = [];
  for (const target of targets) if (await mayReplace(target)) mine.push(target);
  await writeResultFiles(mine, result, undefined);
}

/** Whether a file is missing, of a kind that no manifest is, or a result as this program writes them. */
async function mayReplace({ path, kind }: ResultFile): Promise<boolean> {
  if (kind !== "json" && kind !== "csv") return true;
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return true;
    throw error;
  }
  if (kind === "json") return /^\s*\{\s*"version":\s*1,\s*"command":/.test(text);
  return /^[^\r\n]*newTaskId"?,"?action"?,"?outcome"?,"?reason/i.test(text);
}
