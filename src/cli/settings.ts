import type {
  ApiKeySetting,
  CompletionSettings,
  ConnectionSettings,
  DemoSettings,
  DoctorSettings,
  GivenConnection,
  InitSettings,
  OutputSettings,
  Resolution,
  ResolveSettings,
  SandboxSettings,
  SchemaSettings,
  ServerSetting,
  StatusSettings,
  SyncSettings,
  ValidateSettings,
} from "../commands/settings.js";
import type { ProblemCode } from "../shared/codes.js";
import { foldTenantKey, trimAround } from "../shared/ids.js";
import { EXIT, type Problem, problem, StopError } from "../shared/problems.js";
import { quote } from "../shared/quotation.js";
import { withoutUnseen } from "../shared/unfit-characters.js";
import { OPTIONS, type OptionKey, type Values } from "./options.js";

/** Each command's settings. */
export interface SettingsOf {
  readonly sync: SyncSettings;
  readonly validate: ValidateSettings;
  readonly status: StatusSettings;
  readonly resolve: ResolveSettings;
  readonly doctor: DoctorSettings;
  readonly init: InitSettings;
  readonly sandbox: SandboxSettings;
  readonly demo: DemoSettings;
  readonly schema: SchemaSettings;
  readonly completion: CompletionSettings;
}

export type CommandName = keyof SettingsOf;

/** One command with its settings. */
export type Invocation<Name extends CommandName = CommandName> = {
  readonly [N in Name]: { readonly command: N; readonly settings: SettingsOf[N] };
}[Name];

/** What settings are read from: one command line, its options' values made already. */
export interface Given {
  readonly values: Values;
  /** The options that were typed. */
  readonly typed: ReadonlySet<OptionKey>;
  readonly operands: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All that is wrong so far: told in one go. */
  readonly faults: Problem[];
  readonly warnings: Problem[];
}

/** The options that shape a plan: with `--resume` and `--plan` they are the earlier run's. */
export const SHAPING = [
  "sourceTask",
  "masterApp",
  "reports",
  "reportId",
  "name",
  "adopt",
  "recreate",
  "only",
  "limit",
  "allowSharedApp",
  "allowMasterApp",
  "allowUnmappedReport",
  "allowLiveSource",
] as const satisfies readonly OptionKey[];

const LEAST_SETTLE_MS = 15_000;

/** Reads a command's settings. Throws all faults of the line as one StopError (exit 2). */
export function readInvocation(command: CommandName, given: Given): Invocation {
  const { quiet, verbose } = given.values;
  if (quiet && verbose) conflict(given, "--quiet and --verbose contradict each other", "Leave one of them out");
  const invocation = { command, settings: READERS[command](given) } as Invocation;
  throwFaults(given);
  return invocation;
}

const READERS: { readonly [N in CommandName]: (given: Given) => SettingsOf[N] } = {
  sync: (given) => {
    refuseContradictions(given);
    const { values } = given;
    if (values.settleMs !== undefined && values.settleMs < LEAST_SETTLE_MS)
      given.warnings.push(
        problem(
          "SETTLE_SHORT",
          `--settle ${values.settleMs}ms: a server that still works on a request after so short a time makes a second task`,
        ),
      );
    const manifest = manifestOf(given);
    const connection = values.offline ? undefined : requireConnection(given, "sync");
    return { ...syncJob(values), ...answer(given), manifest, connection };
  },
  validate: (given) => ({
    ...pick(given.values, ["encoding", "apps"]),
    ...answer(given),
    manifest: manifestOf(given) ?? "",
    shape: pick(given.values, SHAPING),
  }),
  status: (given) => ({
    ...pick(given.values, ["encoding", "idempotencyLog", "sourceTask"]),
    ...answer(given),
    manifest: manifestOf(given),
  }),
  resolve: (given) => ({
    ...pick(given.values, ["sourceTask", "reason", "manifest", "idempotencyLog", "breakLock"]),
    ...answer(given),
    server: givenConnection(given).server,
    resolution: resolutionOf(given),
  }),
  doctor: (given) => ({
    ...pick(given.values, ["encoding", "idempotencyLog", "newLog", "apps"]),
    ...answer(given),
    manifest: manifestOf(given),
    connection: givenConnection(given),
    shape: pick(given.values, SHAPING),
  }),
  init: readInit,
  sandbox: (given) => ({
    ...pick(given.values, ["port", "latencyMs", "state", "chaos", "faults", "seed"]),
    ...answer(given),
  }),
  demo: (given) => ({ keep: given.values.keep, ...answer(given) }),
  schema: answer,
  completion: (given) => {
    const typed = given.operands[0]?.toLowerCase();
    const shell = SHELLS.find((each) => each === typed || (each === "powershell" && typed === "pwsh"));
    if (shell === undefined)
      fault(given, "OPTION_VALUE", `there is no completion for the shell ${quote(typed ?? "")}`, {
        hint: `It is one of ${SHELLS.join(", ")}`,
      });
    return { ...answer(given), shell: shell ?? "bash" };
  },
};

const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;

/** What a sync is asked for by its options alone, on the command line and by a library's caller. */
export function syncJob(values: Values): Omit<SyncSettings, "manifest" | "connection" | "output" | "warnings"> {
  const settleMs = values.settleMs ?? Math.max(values.timeoutMs, LEAST_SETTLE_MS);
  return {
    ...pick(values, ["encoding", "idempotencyLog", "resume", "plan", "savePlan", "apps", "breakLock", "rebind"]),
    shape: pick(values, SHAPING),
    run: {
      ...pick(values, ["dryRun", "offline", "verify", "newLog", "timeoutMs", "concurrency", "retries"]),
      ...pick(values, ["maxFailures", "maxChanges", "detailedExitCode"]),
      settleMs,
    },
  };
}

function pick<K extends OptionKey>(values: Values, keys: readonly K[]): Pick<Values, K> {
  return Object.fromEntries(keys.map((key) => [key, values[key]])) as Pick<Values, K>;
}

function fault(given: Given, code: ProblemCode, message: string, more?: Partial<Problem>): void {
  given.faults.push(problem(code, message, more));
}

function conflict(given: Given, message: string, hint: string): void {
  fault(given, "OPTIONS_CONFLICT", message, { hint });
}

function throwFaults({ faults }: Given): void {
  if (faults.length > 0) throw new StopError(EXIT.usage, faults);
}

/** How the answer is told, and what the command line warns of. */
function answer({ values, warnings }: Given): {
  readonly output: OutputSettings;
  readonly warnings: readonly Problem[];
} {
  const { format, answerFormat, quiet, verbose, noColor, files } = values;
  return {
    output: {
      format: format === "human" ? answerFormat : format,
      verbosity: quiet ? "quiet" : verbose ? "verbose" : "normal",
      noColor,
      files,
    },
    warnings,
  };
}

/** A log stands beside its manifest, so a manifest has to be a file. */
function manifestOf(given: Given): string | undefined {
  const [path] = given.operands;
  if (path === "-" || path === "")
    fault(
      given,
      "MANIFEST_MISSING",
      path === "" ? "the manifest's name is empty" : "a manifest cannot come from standard input",
      { hint: "Name a file: its idempotency log stands beside it" },
    );
  return path;
}

/** The connection as far as it was given: flags win over the environment. */
function givenConnection({ values, env }: Given): GivenConnection {
  return {
    ...pick(values, ["caFiles", "insecure", "timeoutMs", "retries", "rate"]),
    server: serverOf(values.server, env.QALYPTUS_SERVER ?? ""),
    apiKey: apiKeyOf(values.apiKeyFile, env.QALYPTUS_API_KEY ?? ""),
  };
}

function serverOf(flag: string | undefined, variable: string): ServerSetting | undefined {
  if (flag !== undefined) return { text: flag, from: "--server" };
  return variable.trim() === "" ? undefined : { text: variable, from: "QALYPTUS_SERVER" };
}

function apiKeyOf(path: string | undefined, variable: string): ApiKeySetting | undefined {
  if (path !== undefined) return path === "-" ? { kind: "stdin" } : { kind: "file", path };
  return variable.trim() === "" ? undefined : { kind: "variable", name: "QALYPTUS_API_KEY", text: variable };
}

/** The whole connection. Throws where something of it is missing, or anything else was wrong before: so it is asked for last. */
function requireConnection(given: Given, command: CommandName): ConnectionSettings {
  const { server, apiKey, ...rest } = givenConnection(given);
  const offline = command === "sync" ? "; --dry-run --offline needs neither" : "";
  if (server === undefined)
    fault(given, "SERVER_MISSING", `${command} needs the server's address`, {
      hint: `Give --server URL, or set QALYPTUS_SERVER${offline}`,
    });
  if (apiKey === undefined)
    fault(given, "API_KEY_MISSING", `${command} needs an API key`, {
      hint: `Set QALYPTUS_API_KEY, or give --api-key-file FILE (- for standard input)${offline}`,
    });
  if (server !== undefined && apiKey !== undefined) return { ...rest, server, apiKey };
  throw new StopError(EXIT.usage, given.faults);
}

function refuseContradictions(given: Given): void {
  const { values, typed } = given;
  const { resume, offline, dryRun } = values;
  const has = (key: OptionKey): boolean => typed.has(key);
  if (given.operands.length === 0 && !resume && !has("plan"))
    fault(given, "MANIFEST_MISSING", "sync needs a manifest", {
      hint: "Name the CSV or JSON file: sync customers.csv. Only --resume and --plan know theirs",
    });
  const earlier = resume ? "--resume" : has("plan") ? "--plan" : undefined;
  const shaping = SHAPING.filter(has).map((key) => OPTIONS[key].long);
  if (earlier !== undefined && shaping.length > 0)
    conflict(
      given,
      `${earlier} takes what shapes the plan from its own run's options, so ${shaping.join(", ")} cannot be given`,
      `Leave ${shaping.length === 1 ? "it" : "them"} out, or leave ${earlier} out to plan anew`,
    );
  const together: readonly (readonly [boolean, string, string])[] = [
    [
      resume && has("plan"),
      "--resume and --plan are two ways to go on",
      "Give --plan to finish a saved plan, --resume for any other run",
    ],
    [offline && !dryRun, "--offline is for dry runs only", "Add --dry-run, or leave --offline out"],
    [offline && values.verify, "--verify reads the server, --offline does not", "Leave one of them out"],
    [offline && has("plan"), "--plan is held against the server, --offline does not read it", "Leave --offline out"],
    [offline && values.rebind, "--rebind looks at the server, --offline does not", "Leave one of them out"],
    [has("savePlan") && !dryRun, "--save-plan keeps the plan of a dry run", "Add --dry-run"],
    [has("savePlan") && offline, "--save-plan needs a plan made from the server", "Leave --offline out"],
    [
      has("savePlan") && has("plan"),
      "--save-plan makes a new plan, --plan carries out an old one",
      "Leave one of them out",
    ],
    [
      has("breakLock") && dryRun,
      "a dry run takes no lock, so there is none to break",
      "Leave --break-lock or --dry-run out",
    ],
  ];
  for (const [holds, message, hint] of together) if (holds) conflict(given, message, hint);
}

const WAYS = ["taskId", "retry", "forget"] as const;

function resolutionOf(given: Given): Resolution {
  const { values, typed } = given;
  // A mark that was copied along unseen is no part of a key, and is not logged as one.
  const tenants = [...new Set(given.operands.map((word) => trimAround(withoutUnseen(word))))];
  if (tenants.some((tenant) => foldTenantKey(tenant) === ""))
    fault(given, "ARGUMENT_MISSING", "a tenant's key is empty", { hint: "Write resolve TENANT" });
  const ways = WAYS.filter((way) => typed.has(way));
  if (ways.length === 0)
    fault(given, "OPTION_MISSING", "resolve needs to know how", {
      hint: "Give --task-id GUID (that task is the copy), --retry (create once more) or --forget (it holds nothing)",
    });
  if (ways.length > 1) {
    const flags = ways.map((way) => OPTIONS[way].long);
    conflict(given, `${flags.join(" and ")} contradict each other`, "Give one of them");
  }
  if (typed.has("from") && !typed.has("taskId"))
    conflict(
      given,
      "--from says whose task it was, so it needs --task-id",
      "Write resolve NEW --task-id GUID --from OLD",
    );
  if (!typed.has("taskId")) return { kind: values.retry ? "retry" : "forget", tenants };
  if (tenants.length > 1)
    conflict(
      given,
      `--task-id is one tenant's copy, but ${tenants.length} tenants are given`,
      "Resolve one tenant at a time; quote a key that has blanks in it",
    );
  const connection = requireConnection(given, "resolve");
  throwFaults(given);
  const { taskId, from } = values;
  const [tenant] = tenants;
  if (taskId === undefined || tenant === undefined) throw new Error("resolve has no task or no tenant");
  return { kind: "task", tenant, taskId, from, connection };
}

/** `init` writes one file, named by its argument or by `--out`. */
function readInit(given: Given): InitSettings {
  const { values } = given;
  const [argument] = given.operands;
  const out = values.manifestFile;
  if (argument !== undefined && out !== undefined && argument !== out)
    conflict(given, `init writes one manifest: ${argument} or ${out}`, "Leave the argument or --out out");
  const file = argument ?? out;
  return {
    ...pick(values, ["masterApp", "apps", "pattern", "force"]),
    ...answer(given),
    sourceTask: values.taskOrName,
    file: file === "-" ? undefined : file,
    manifestFormat: values.manifestFormat ?? (file?.toLowerCase().endsWith(".json") === true ? "json" : "csv"),
    connection: requireConnection(given, "init"),
  };
}
