import { systemClock } from "../files/system-clock.js";
import { checkResultFiles, type ProtectedFile } from "../files/write-file.js";
import type { Manifest } from "../manifest/manifest.js";
import type { Look } from "../reporter/look.js";
import { colourLevel, loadPalette } from "../reporter/palette.js";
import { errorsText, problemLines, warningLines } from "../reporter/problem-lines.js";
import { createProgress } from "../reporter/progress.js";
import type { Emit } from "../shared/events.js";
import type { RunResult } from "../shared/outcome.js";
import { EXIT, type ExitCode, foremostExitCode, type Problem } from "../shared/problems.js";
import type { Host, OutputStream } from "./host.js";
import { writeResultFiles } from "./result-files.js";
import type { OutputSettings } from "./settings.js";
import { writeStepSummary } from "./step-summary.js";

/** What a result is told with. */
export interface FinishMore {
  readonly manifest?: Manifest | undefined;
  /** How to go on, printed last. */
  readonly next?: string | undefined;
  /** The text answer was written already. */
  readonly told?: boolean | undefined;
}

/** How a command tells what it does and what came of it: standard output for the answer, standard error for people. */
export interface Telling {
  readonly emit: Emit;
  /** The look of standard output. */
  readonly look: Look;
  warn(problems: readonly Problem[]): Promise<void>;
  /** Takes the live line away; what goes wrong from here on is told by `main`. */
  stop(): void;
  /** Writes a text answer. */
  answer(text: string): Promise<void>;
  /** Writes the result in the chosen format and to every `--out` file; says how the process shall exit. */
  finish(result: RunResult, more?: FinishMore): Promise<ExitCode>;
}

/** Prepares a command's outputs. Throws a StopError (exit 2) for an `--out` that cannot be: before anything starts. */
export async function openTelling(
  host: Host,
  output: OutputSettings,
  so: { readonly protectedFiles: readonly ProtectedFile[]; readonly dryRun: boolean },
): Promise<Telling> {
  // A dry run's plan lists its warnings itself: on standard error they would stand there twice.
  const warnsEarly = output.verbosity !== "quiet" && !(so.dryRun && output.format === "human");
  const targets = await checkResultFiles(
    output.files.map((file) => file.path),
    { protectedFiles: so.protectedFiles, platform: host.platform },
  );
  const look = await lookOf(host, output, host.stdout);
  const errorLook = await lookOf(host, output, host.stderr);
  const progress = await createProgress({
    stream: host.stderr.stream,
    isTTY: host.stderr.isTTY,
    ci: host.ci,
    quiet: output.verbosity === "quiet",
    verbose: output.verbosity === "verbose",
    warnings: warnsEarly,
    look: errorLook,
    now: () => systemClock.monotonic(),
  });
  const lines = output.format === "ndjson" ? await openLines(host) : undefined;
  return {
    look,
    emit: (event) => {
      progress.emit(event);
      lines?.emit(event);
    },
    warn: async (problems) => {
      if (!warnsEarly) return;
      await host.stderr.write(
        warningLines(problems, errorLook)
          .map((line) => `${line}\n`)
          .join(""),
      );
    },
    stop: () => progress.stop(),
    answer: (text) => host.stdout.write(text),
    finish: async (result, more = {}) => {
      progress.stop();
      const trouble = await writeResultFiles(targets, result, more.manifest);
      const codes: ExitCode[] = [result.exitCode];
      for (const { problem, fatal } of trouble) {
        await host.stderr.write(`${problemLines(fatal ? "error" : "warning", problem, errorLook).join("\n")}\n`);
        if (fatal) codes.push(EXIT.usage);
      }
      if (more.told !== true) await writeAnswer(host, output, { result, next: more.next, look, lines });
      await writeErrors(host, result, errorLook);
      await tellGitHub(host, result);
      return result.exitCode === EXIT.ok ? foremostExitCode(codes) : result.exitCode;
    },
  };
}

async function lookOf(host: Host, output: OutputSettings, stream: OutputStream): Promise<Look> {
  const level = colourLevel({ isTTY: stream.isTTY, noColorFlag: output.noColor, env: host.env });
  return { palette: await loadPalette(level), width: stream.columns(), unicode: host.unicode };
}

interface Lines {
  emit: Emit;
  finish(result: RunResult): Promise<void>;
}

async function openLines(host: Host): Promise<Lines> {
  const { createNdjsonWriter } = await import("../results/ndjson.js");
  let written: Promise<void> = Promise.resolve();
  const writer = createNdjsonWriter({
    write: (text) => {
      written = written.then(() => host.stdout.write(text));
    },
  });
  return {
    emit: (event) => writer.emit(event),
    finish: async (result) => {
      writer.finish(result);
      await written;
    },
  };
}

async function writeAnswer(
  host: Host,
  output: OutputSettings,
  of: {
    readonly result: RunResult;
    readonly next: string | undefined;
    readonly look: Look;
    readonly lines: Lines | undefined;
  },
): Promise<void> {
  const { result, look } = of;
  switch (output.format) {
    case "ndjson":
      return of.lines?.finish(result);
    case "json": {
      const { jsonResultPieces } = await import("../results/json.js");
      for (const piece of jsonResultPieces(result)) await host.stdout.write(piece);
      return;
    }
    case "human": {
      if (result.tenants.length === 0 && result.errors.length > 0) return;
      const options = {
        next: of.next,
        warnings: result.dryRun || output.verbosity === "quiet" ? "list" : "count",
      } as const;
      const { humanPlan } = await import("../reporter/plan.js");
      const { humanResult } = await import("../reporter/result.js");
      const planOnly = result.dryRun || result.exitCode === EXIT.guard;
      await host.stdout.write(planOnly ? humanPlan(result, look, options) : humanResult(result, look, options));
      return;
    }
    default:
      output.format satisfies never;
  }
}

async function writeErrors(host: Host, result: RunResult, look: Look): Promise<void> {
  if (result.errors.length > 0) await host.stderr.write(errorsText(result.errors, look));
}

/** On GitHub Actions: annotations at the manifest's lines, and the result as the step's summary. */
async function tellGitHub(host: Host, result: RunResult): Promise<void> {
  if (host.env.GITHUB_ACTIONS !== "true") return;
  const { githubAnnotations } = await import("../results/github.js");
  for (const line of githubAnnotations(result, { manifestPath: result.manifest?.path }))
    await host.stderr.write(`${line}\n`);
  await writeStepSummary(host, result);
}
