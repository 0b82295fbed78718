import type {
  CompletionSettings,
  DoctorSettings,
  InitSettings,
  StatusSettings,
  ValidateSettings,
} from "../commands/settings.js";
import { quote } from "../shared/quotation.js";
import type { Invocation } from "./commands.js";
import { readConnection, requireConnection } from "./connection-settings.js";
import type { GivenOptions } from "./given-options.js";
import type { CommandName } from "./option-spec.js";
import { OPTIONS } from "./option-table.js";
import { choiceOption, guidOption, refuseValue } from "./option-values.js";
import { readOutput, readOutputWithFiles } from "./output-settings.js";
import { readResolve } from "./resolve-settings.js";
import { readSandbox } from "./sandbox-settings.js";
import { readShape, readSync, taskIdOption } from "./sync-settings.js";

/** Reads a command's settings. Faults are left with `given`; where there are any, what is returned must not be used. */
export function readInvocation(name: CommandName, given: GivenOptions, operands: readonly string[]): Invocation {
  const [first] = operands;
  switch (name) {
    case "sync":
      return { command: name, settings: readSync(given, manifestOf(given, first)) };
    case "validate":
      return { command: name, settings: readValidate(given, given.sure(manifestOf(given, first))) };
    case "status":
      return { command: name, settings: readStatus(given, manifestOf(given, first)) };
    case "resolve":
      return { command: name, settings: readResolve(given, operands) };
    case "doctor":
      return { command: name, settings: readDoctor(given, manifestOf(given, first)) };
    case "init":
      return { command: name, settings: readInit(given, first) };
    case "sandbox":
      return { command: name, settings: readSandbox(given) };
    case "demo":
      return { command: name, settings: { ...withoutAnswer(given), keep: given.has(OPTIONS.keep) } };
    case "schema":
      return { command: name, settings: withoutAnswer(given) };
    case "completion":
      return { command: name, settings: readCompletion(given, first) };
    default:
      return name satisfies never;
  }
}

/** A log stands beside its manifest, so a manifest has to be a file. */
function manifestOf(given: GivenOptions, path: string | undefined): string | undefined {
  if (path === "-" || path === "")
    given.refuse({
      code: "MANIFEST_MISSING",
      message: path === "" ? "the manifest's name is empty" : "a manifest cannot come from standard input",
      hint: "Name a file: its idempotency log stands beside it",
    });
  return path;
}

function withoutAnswer(given: GivenOptions): Pick<ValidateSettings, "output" | "warnings"> {
  return { output: readOutput(given, []), warnings: given.warnings };
}

function readValidate(given: GivenOptions, manifest: string): ValidateSettings {
  return {
    manifest,
    encoding: given.text(OPTIONS.encoding),
    shape: readShape(given),
    apps: given.text(OPTIONS.apps),
    output: readOutputWithFiles(given),
    warnings: given.warnings,
  };
}

function readStatus(given: GivenOptions, manifest: string | undefined): StatusSettings {
  return {
    manifest,
    encoding: given.text(OPTIONS.encoding),
    idempotencyLog: given.text(OPTIONS.idempotencyLog),
    sourceTask: taskIdOption(given, OPTIONS.sourceTask),
    output: readOutput(given, ["human", "json"]),
    warnings: given.warnings,
  };
}

function readDoctor(given: GivenOptions, manifest: string | undefined): DoctorSettings {
  return {
    manifest,
    encoding: given.text(OPTIONS.encoding),
    idempotencyLog: given.text(OPTIONS.idempotencyLog),
    connection: readConnection(given),
    shape: readShape(given),
    newLog: given.has(OPTIONS.newLog),
    apps: given.text(OPTIONS.apps),
    output: readOutput(given, ["human", "json"]),
    warnings: given.warnings,
  };
}

/** `init` has one file, named by its argument or by `--out`; its `--format` is the manifest's. */
function readInit(given: GivenOptions, argument: string | undefined): InitSettings {
  const connection = requireConnection(given, "init");
  const out = given.text(OPTIONS.out);
  if (argument !== undefined && out !== undefined && argument !== out)
    given.refuse({
      code: "OPTIONS_CONFLICT",
      message: `init writes one manifest: ${argument} or ${out}`,
      hint: "Leave the argument or --out out",
    });
  const file = argument ?? out;
  const usual = file?.toLowerCase().endsWith(".json") === true ? "json" : "csv";
  const settings = {
    sourceTask: given.text(OPTIONS.sourceTask),
    masterApp: guidOption(given, OPTIONS.masterApp),
    apps: given.text(OPTIONS.apps),
    pattern: patternOf(given),
    file: file === "-" ? undefined : file,
    manifestFormat: choiceOption(given, OPTIONS.format, ["csv", "json"]) ?? usual,
    force: given.has(OPTIONS.force),
    output: readOutput(given, []),
    warnings: given.warnings,
  };
  return { ...settings, connection: given.sure(connection) };
}

function patternOf(given: GivenOptions): string | undefined {
  const pattern = given.text(OPTIONS.pattern);
  if (pattern === undefined || pattern.split("{tenant}").length === 2) return pattern;
  return refuseValue(given, OPTIONS.pattern, {
    text: pattern,
    hint: 'Put {tenant} in it once: --pattern "Sales - {tenant}"',
  });
}

const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

function readCompletion(given: GivenOptions, word: string | undefined): CompletionSettings {
  const typed = word?.toLowerCase() === "pwsh" ? "powershell" : word?.toLowerCase();
  const shell = SHELLS.find((one) => one === typed);
  if (shell === undefined)
    given.refuse({
      code: "OPTION_VALUE",
      message: `there is no completion for the shell ${quote(word ?? "")}`,
      hint: `It is one of ${SHELLS.join(", ")}`,
    });
  return { ...withoutAnswer(given), shell: given.sure(shell) };
}
