/** The only file that reads `process`: argv, environment, streams and signals in, the exit code out. */
import { isatty } from "node:tty";
import type { CommandName } from "./cli/option-spec.js";
import { packageVersion } from "./cli/package-version.js";
import { Redaction } from "./cli/redaction.js";
import type { ShellDeps, Told } from "./cli/shell.js";
import { SignalWatch } from "./cli/signal-watch.js";
import { StandardStream } from "./cli/standard-stream.js";
import type { Host, InputStream } from "./commands/host.js";
import { type EndingSignal, EXIT, type ExitCode } from "./shared/problems.js";

/** How long a program that was told to end waits for who does not read what it says. */
const UNREAD_MS = 2000;

/** How long handles that a command left open may keep the program alive. */
const LEFT_OVER_MS = 1000;

const argv = process.argv.slice(2);
const redaction = new Redaction();
const stdout = new StandardStream(() => process.stdout, redaction);
const stderr = new StandardStream(() => process.stderr, redaction);

let tellUntaken: (signal: EndingSignal) => void = () => undefined;
const untakenSignal = new Promise<EndingSignal>((resolve) => {
  tellUntaken = resolve;
});
const signals = new SignalWatch(process, process.platform, {
  now: () => performance.now(),
  hurry: () => {
    for (const stream of [stdout, stderr]) stream.hurry(UNREAD_MS);
  },
  untaken: (signal) => tellUntaken(signal),
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
  const [{ runShell }, host] = await Promise.all([import("./cli/shell.js"), makeHost()]);
  const code = await runShell(argv, shellDeps(host));
  await end(code);
}

function shellDeps(host: Host): ShellDeps {
  return {
    host,
    loadHandlers: async (given) => (await import("./compose.js")).createHandlers(given),
    tell: (told) => tell(told, host),
    helpAppendix,
    hasAnswered: () => stdout.hasWritten(),
    untakenSignal,
    now: () => new Date(),
    // The global one: node:crypto is loaded when it is first asked for.
    uuid: () => crypto.randomUUID(),
  };
}

async function makeHost(): Promise<Host> {
  const [{ programName }, { showsUnicode }, { isCi }] = await Promise.all([
    import("./cli/program-name.js"),
    import("./cli/terminal.js"),
    import("./reporter/palette.js"),
  ]);
  const env = Object.freeze({ ...process.env });
  const [execPath, script = ""] = process.argv;
  const cwd = process.cwd();
  return Object.freeze<Host>({
    env,
    cwd,
    stdin: STDIN,
    stdout,
    stderr,
    platform: process.platform,
    pid: process.pid,
    processExists,
    version: packageVersion(),
    argv0: programName({ script, cwd, platform: process.platform, env }),
    execPath: execPath ?? process.execPath,
    mainPath: script,
    unicode: showsUnicode(env, process.platform),
    ci: isCi(env),
    get mayAsk() {
      return STDIN.isTTY && stderr.isTTY && !isCi(env);
    },
    interruption: () => signals.takeOver(),
    redact: (secret) => redaction.add(secret),
  });
}

/** What only another layer knows of a command: the sandbox's faults. */
async function helpAppendix(command: CommandName | undefined): Promise<string> {
  if (command !== "sandbox") return "";
  const { faultLines } = await import("./sandbox/fault-setting.js");
  return `\nFaults:\n${faultLines()
    .map((line) => `  ${line}`.trimEnd().concat("\n"))
    .join("")}`;
}

/** Opened only by who reads it: an open standard input would keep the program alive. */
const STDIN: InputStream = {
  isTTY: isatty(0),
  get stream() {
    return process.stdin;
  },
  async readAll() {
    const chunks: Uint8Array[] = [];
    for await (const chunk of process.stdin) chunks.push(chunk);
    return Buffer.concat(chunks);
  },
};

/** Signal 0 asks only: EPERM tells of a process that is somebody else's. */
function processExists(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM";
  }
}

/** Tells a result without tenants: errors to people, the object to scripts. Loaded only where it is needed. */
async function tell({ result, manner, after, answered }: Told, host: Host): Promise<void> {
  const [
    { jsonResult, summaryLine },
    { errorsText, warningLines },
    { githubAnnotations },
    { colourLevel, loadPalette },
  ] = await Promise.all([
    import("./results/json.js"),
    import("./reporter/problem-lines.js"),
    import("./results/github.js"),
    import("./reporter/palette.js"),
  ]);
  const colour = colourLevel({ isTTY: stderr.isTTY, noColorFlag: manner.noColor, env: host.env });
  const look = { palette: await loadPalette(colour), width: stderr.columns(), unicode: host.unicode };
  const lines = [...warningLines(result.warnings, look), ...after];
  await stderr.write(`${errorsText(result.errors, look)}${lines.map((line) => `${line}\n`).join("")}`);
  if (host.env.GITHUB_ACTIONS === "true")
    await stderr.write(
      githubAnnotations(result, {})
        .map((line) => `${line}\n`)
        .join(""),
    );
  if (answered || manner.format === "human") return;
  await stdout.write(manner.format === "json" ? jsonResult(result) : summaryLine(result));
}

/** An exception outside of every command: what the log holds is safe, so the program ends at once. */
async function endByDefect(error: unknown): Promise<void> {
  // A defect on the way out must not be told by itself, for ever.
  if (ending) process.exit(EXIT.defect);
  ending = true;
  ended = true;
  redaction.add(process.env.QALYPTUS_API_KEY ?? "");
  const { defectOf } = await import("./cli/defect.js");
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
  if (code === EXIT.defect || code === EXIT.interrupted || code === EXIT.terminated) process.exit();
  setTimeout(() => process.exit(), LEFT_OVER_MS).unref();
}

async function main(): Promise<void> {
  const [first] = argv;
  if (argv.length === 1 && (first === "-V" || first === "--version")) {
    await stdout.write(`${packageVersion()}\n`);
    await end(EXIT.ok);
  } else await run();
}

void main();
