/** The only file that reads `process`: argv, environment, streams and signals in, the exit code out. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isCi, processExists, programName, SignalWatch, StandardStream } from "./cli/program.js";
import type { Host } from "./commands/host.js";
import { EXIT, type ExitCode, signalOfExit } from "./shared/problems.js";
import { shellOf } from "./shared/quoting.js";
import { Redactor } from "./shared/redaction.js";

/** How long a program that was told to end waits for who does not read what it says. */
const UNREAD_MS = 2000;

/** How long handles that a command left open may keep the program alive. */
const LEFT_OVER_MS = 1000;

const argv = process.argv.slice(2);
const env = Object.freeze({ ...process.env });
/** The last line of defence: nothing secret is meant to reach an output. Filled by whoever reads a key or a password. */
const secrets = new Redactor();
const stdout = new StandardStream(() => process.stdout, secrets);
const stderr = new StandardStream(() => process.stderr, secrets);

const signals = new SignalWatch(process, process.platform, {
  hurry: () => {
    for (const stream of [stdout, stderr]) stream.hurry(UNREAD_MS);
  },
  endNow: (code) => process.exit(code),
});

process.on("uncaughtException", (error) => void endByDefect(error));
// Nothing is left that could wake the program, and it has not come to its end: it would wait for ever, or leave as if all were well.
let ended = false;
let ending = false;
process.on("beforeExit", () => {
  if (!ended) void endByDefect(new Error("it waits for something that cannot come any more"));
});

async function run(): Promise<void> {
  const { runShell } = await import("./cli/shell.js");
  await end(
    await runShell(argv, { host: makeHost(), hasAnswered: () => stdout.hasWritten(), untakenSignal: signals.untaken }),
  );
}

function makeHost(): Host {
  const [execPath = process.execPath, script = ""] = process.argv;
  const { platform, pid } = process;
  const cwd = process.cwd();
  const shell = shellOf(platform, env);
  return Object.freeze<Host>({
    env,
    cwd,
    // The stream is opened only by who reads it: an open standard input would keep the program alive.
    input: () => process.stdin,
    stdout,
    stderr,
    platform,
    pid,
    processExists,
    version: packageVersion(),
    shell,
    argv0: programName(script, process.execPath, { cwd, shell, env }),
    execPath,
    mainPath: script,
    ci: isCi(env),
    interruption: () => signals.takeOver(),
    secrets,
  });
}

function packageVersion(): string {
  return JSON.parse(readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8")).version;
}

/** An exception outside of every command: what the log holds is safe, so the program ends at once. */
async function endByDefect(error: unknown): Promise<void> {
  // A defect on the way out must not be told by itself, for ever.
  if (ending) process.exit(EXIT.defect);
  ending = true;
  ended = true;
  secrets.add(env.QALYPTUS_API_KEY ?? "");
  const { defectOf } = await import("./cli/shell.js");
  const { message, hint } = defectOf(error, { version: packageVersion(), platform: process.platform });
  const isVerbose = argv.includes("-v") || argv.includes("--verbose");
  const stack = isVerbose && error instanceof Error ? `${error.stack ?? ""}\n` : "";
  await stderr.write(`error: ${message}\n  ${hint}\n${stack}`);
  await stdout.flush();
  process.exit(EXIT.defect);
}

/**
 * Ends the program once everything that was written has been handed on. The loop ends by itself; what keeps it alive (a socket,
 * standard input) is given a second.
 */
async function end(code: ExitCode): Promise<void> {
  ended = true;
  await stdout.flush();
  const failure = stdout.failure();
  if (failure !== undefined) await stderr.write(`error: standard output cannot be written: ${failure.message}\n`);
  await stderr.flush();
  process.exitCode = failure !== undefined && code === EXIT.ok ? EXIT.defect : code;
  // Whatever a command still does after these must not go on.
  if (code === EXIT.defect || signalOfExit(code) !== undefined) process.exit();
  setTimeout(() => process.exit(), LEFT_OVER_MS).unref();
}

const [first] = argv;
if (argv.length === 1 && (first === "-V" || first === "--version"))
  void stdout.write(`${packageVersion()}\n`).then(() => end(EXIT.ok));
else void run();
