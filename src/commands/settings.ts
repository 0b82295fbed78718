import type { PlanShape } from "../log/records.js";
import type { ProblemCode } from "../shared/codes.js";
import { foldTenantKey, parseTaskId, trimAround } from "../shared/ids.js";
import { EXIT, type Problem, problem, StopError } from "../shared/problems.js";
import { shellWord } from "../shared/quoting.js";
import type { ResultFile } from "../shared/results.js";
import { excessOfName } from "../shared/text-limits.js";
import { quote, withoutUnseen } from "../shared/text-safety.js";
import { OPTIONS, type OptionKey, type Values } from "./options.js";

/** A command line as it was typed. */
export interface TypedLine {
  readonly command: string;
  readonly operands: readonly string[];
  /** Each option's words: itself and its value. */
  readonly options: readonly (readonly string[])[];
}

/** How an answer or a refusal is told. Every command has it; it is read even from a command line that is wrong elsewhere. */
export interface OutputSettings {
  readonly format: "human" | "json" | "ndjson";
  readonly verbosity: "quiet" | "normal" | "verbose";
  /** `--no-color` was given; the environment's wishes are the host's. */
  readonly noColor: boolean;
  readonly files: readonly ResultFile[];
  readonly typed: TypedLine;
  /** Every other path of the command line: no result is put over one of these. */
  readonly inputs: readonly string[];
}

/** What settings are read from: one command line, its options' values made already. */
export interface Given {
  readonly values: Values;
  /** The options that were typed. */
  readonly typed: readonly OptionKey[];
  readonly operands: readonly string[];
  readonly output: OutputSettings;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** All that is wrong so far: told in one go. */
  readonly faults: Problem[];
}

/** The options that shape a plan: with `--resume` and `--plan` they are the earlier run's. */
export const SHAPING = [
  ...([
    "sourceTask",
    "masterApp",
    "reports",
    "columns",
    "sheet",
    "reportId",
    "name",
    "adopt",
    "recreate",
    "only",
    "limit",
  ] as const),
  ...(["allowSharedApp", "allowMasterApp", "allowUnmappedReport", "allowLiveSource"] as const),
];

/** Of these, what permits a plan to do more than copy a task that does not mail yet. */
const PERMISSIONS = [
  ...(["adopt", "recreate", "allowSharedApp", "allowMasterApp", "allowUnmappedReport", "allowLiveSource"] as const),
];

/** The permissions that a plan was given, as they would be typed. */
export function permissionsOf(shape: PlanShape): readonly string[] {
  return PERMISSIONS.flatMap((key) => {
    const { long } = OPTIONS[key];
    const value = shape[key];
    return typeof value === "boolean" ? (value ? [long] : []) : value.map((each) => `${long}=${shellWord(each)}`);
  });
}

const CONNECTION = ["caFiles", "insecure", "allowHttp", "timeoutMs", "retries", "rate"] as const;
/** The shells that `completion` knows. */
export const SHELLS = ["bash", "zsh", "fish", "powershell"] as const;
const LEAST_SETTLE_MS = 15_000;

/** What each command's settings hold besides the values of its options. */
const READERS = {
  sync: (given: Given) => {
    refuseContradictions(given);
    return syncSettings(given);
  },
  drift: (given: Given) => {
    if (given.operands.length === 0) refuseShaping(given, "drift without a manifest", "name the manifest");
    return syncSettings({ ...given, values: { ...given.values, dryRun: true, verify: true, detailedExitCode: true } });
  },
  validate: (given: Given) => ({
    manifest: manifestOf(given) ?? "",
    shape: { ...shapeOf(given.values), sourceTask: given.values.sourceTaskId },
  }),
  status: (given: Given) => ({ manifest: manifestOf(given), sourceTask: given.values.sourceTaskId }),
  resolve: (given: Given) => ({
    sourceTask: given.values.sourceTaskId,
    server: givenConnection(given).server,
    resolution: resolutionOf(given),
  }),
  doctor: (given: Given) => ({
    manifest: manifestOf(given),
    connection: givenConnection(given),
    shape: shapeOf(given.values),
    sourceTaskName: sourceTaskNameOf(given.values),
  }),
  init: (given: Given) => {
    const { values } = given;
    const [argument] = given.operands;
    const file = argument ?? values.manifestFile;
    if (values.manifestFile !== undefined && values.manifestFile !== file)
      conflict(given, `init writes one manifest: ${argument} or ${values.manifestFile}`);
    return {
      file: file === "-" ? undefined : file,
      manifestFormat:
        values.manifestFormat ??
        (/\.(json|xlsx)$/i.exec(file ?? "")?.[1]?.toLowerCase() as "json" | "xlsx" | undefined) ??
        "csv",
      connection: requireConnection(given, "init"),
    };
  },
  "log verify": () => ({}),
  "log history": (given: Given) => {
    refuseLongKeys(given, given.operands);
    return { tenants: given.operands };
  },
  "log copy": (given: Given) => ({ from: given.operands[0] ?? "", to: given.operands[1] ?? "" }),
  "log init": (given: Given) => ({ url: given.operands[0] }),
  sandbox: (given: Given) => ({ shape: { ...shapeOf(given.values), sourceTask: given.values.sourceTaskId } }),
  demo: () => ({}),
  schema: () => ({}),
  completion: (given: Given) => ({
    shell: given.operands[0] as (typeof SHELLS)[number],
    words: given.operands.slice(1),
  }),
};

export type CommandName = keyof typeof READERS;

/** Each command's settings: its options' values, what is read from them, and how its answer is told. */
export type SettingsOf = { readonly [N in CommandName]: With<Readonly<ReturnType<(typeof READERS)[N]>>> };
type With<Read> = Omit<Values, keyof Read> & Read & { readonly output: OutputSettings };

/** One command with its settings. */
export type Invocation<Name extends CommandName = CommandName> = {
  readonly [N in Name]: { readonly command: N; readonly settings: SettingsOf[N] };
}[Name];

/** Reads a command's settings. Throws all faults of the line as one StopError (exit 2). */
export function readInvocation(command: CommandName, given: Given): Invocation {
  if (given.values.quiet && given.values.verbose) conflict(given, "--quiet and --verbose contradict each other");
  const settings = { ...given.values, ...READERS[command](given), output: given.output };
  if (given.faults.length > 0) throw new StopError(EXIT.usage, given.faults);
  return { command, settings } as Invocation;
}

/** What `sync` is asked for, and `drift`. */
function syncSettings(given: Given) {
  const { settleMs = LEAST_SETTLE_MS, offline } = given.values;
  const why = "a server that still works on a request after so short a time makes a second task";
  const name = sourceTaskNameOf(given.values);
  if (offline && name !== undefined)
    fault(
      given,
      "OPTION_VALUE",
      `--source-task cannot be ${quote(name)}: offline no server is asked which task has that name`,
      "Give --source-task an ID such as 5f0c6a1e-0000-4000-8000-000000000001",
    );
  const short = settleMs < LEAST_SETTLE_MS ? [problem("SETTLE_SHORT", `--settle ${settleMs}ms: ${why}`)] : [];
  return {
    ...syncJob(given.values),
    warnings: short,
    manifest: manifestOf(given),
    connection: offline ? undefined : requireConnection(given, "sync", "; --dry-run --offline needs neither"),
  };
}

/** What a sync is asked for by its options alone, on the command line and by a library's caller. */
export function syncJob(values: Values) {
  return {
    shape: shapeOf(values),
    sourceTaskName: sourceTaskNameOf(values),
    run: {
      ...pick(values, ["dryRun", "offline", "verify", "newLog", "timeoutMs", "concurrency", "retries"]),
      ...pick(values, ["maxFailures", "maxChanges", "detailedExitCode"]),
      settleMs: values.settleMs ?? Math.max(values.timeoutMs, LEAST_SETTLE_MS),
    },
  };
}

function shapeOf(values: Values): PlanShape {
  return { ...pick(values, SHAPING), sourceTask: parseTaskId(values.sourceTask ?? "") };
}

/** `--source-task` that is no ID: which task it is, the server says before anything is planned. */
function sourceTaskNameOf({ sourceTask }: Values): string | undefined {
  return parseTaskId(sourceTask ?? "") === undefined ? sourceTask : undefined;
}

/** The settings of a connection but for its two ends. */
export function connectionOptions(values: Values) {
  return pick(values, CONNECTION);
}

function pick<K extends OptionKey>(values: Values, keys: readonly K[]): Pick<Values, K> {
  return Object.fromEntries(keys.map((key) => [key, values[key]])) as Pick<Values, K>;
}

function fault(given: Given, code: ProblemCode, message: string, hint?: string): void {
  given.faults.push(problem(code, message, { hint }));
}

function conflict(given: Given, message: string, hint?: string): void {
  fault(given, "OPTIONS_CONFLICT", message, hint);
}

/** A log stands beside its manifest, so a manifest has to be a file. */
function manifestOf(given: Given): string | undefined {
  const [path] = given.operands;
  if (path === "-" || path === "") {
    const what = path === "" ? "the manifest's name is empty" : "a manifest cannot come from standard input";
    fault(given, "MANIFEST_MISSING", what, "Name a file: its idempotency log stands beside it");
  }
  return path;
}

/** Where the API key is taken from: a variable's text, or a file, of which `-` is standard input. */
export type ApiKeySetting =
  | { readonly kind: "variable"; readonly name: string; readonly text: string }
  | { readonly kind: "file"; readonly path: string };

/** The connection as far as it was given: options win over the environment. What is missing here, `doctor` says. */
function givenConnection({ values, env }: Given) {
  const { server: typed, apiKeyFile: path } = values;
  const { QALYPTUS_SERVER: usual = "", QALYPTUS_API_KEY: text = "" } = env;
  const server = typed ?? (usual.trim() === "" ? undefined : usual);
  const from = typed === undefined ? "QALYPTUS_SERVER" : "--server";
  const variable: ApiKeySetting | undefined =
    text.trim() === "" ? undefined : { kind: "variable", name: "QALYPTUS_API_KEY", text };
  const apiKey: ApiKeySetting | undefined = path === undefined ? variable : { kind: "file", path };
  return { ...pick(values, CONNECTION), server: server === undefined ? undefined : { text: server, from }, apiKey };
}

/** All that is needed to speak to the server. */
export type ConnectionSettings = ReturnType<typeof requireConnection>;

/** The whole connection. Throws where something of it is missing, with all that was wrong before: so it is asked for last. */
function requireConnection(given: Given, command: CommandName, otherwise = "") {
  const { server, apiKey, ...rest } = givenConnection(given);
  if (server === undefined) {
    const hint = `Give --server URL, or set QALYPTUS_SERVER${otherwise}`;
    fault(given, "SERVER_MISSING", `${command} needs the server's address`, hint);
  }
  if (apiKey === undefined) {
    const hint = `Set QALYPTUS_API_KEY, or give --api-key-file FILE (- for standard input)${otherwise}`;
    fault(given, "API_KEY_MISSING", `${command} needs an API key`, hint);
  }
  if (server !== undefined && apiKey !== undefined) return { ...rest, server, apiKey };
  throw new StopError(EXIT.usage, given.faults);
}

function refuseContradictions(given: Given): void {
  const { resume, offline, dryRun, verify, rebind, plan, planDigest, savePlan, breakLock, signHead } = given.values;
  if (given.operands.length === 0 && !resume && plan === undefined) {
    const hint = "Name the CSV or JSON file: sync customers.csv. Only --resume and --plan know theirs";
    fault(given, "MANIFEST_MISSING", "sync needs a manifest", hint);
  }
  const earlier = resume ? "--resume" : plan === undefined ? undefined : "--plan";
  if (earlier !== undefined) refuseShaping(given, earlier, `leave ${earlier} out to plan anew`);
  const saves = savePlan !== undefined;
  const carriesOut = plan !== undefined;
  const contradictions: readonly (readonly [holds: boolean, message: string, hint?: string])[] = [
    [resume && carriesOut, "--resume and --plan are two ways to go on", "Give --plan only to finish a saved plan"],
    [offline && !dryRun, "--offline is for dry runs only", "Add --dry-run, or leave --offline out"],
    [offline && verify, "--verify reads the server, --offline does not"],
    [offline && carriesOut, "--plan is held against the server, --offline does not read it", "Leave --offline out"],
    [offline && rebind, "--rebind looks at the server, --offline does not"],
    [saves && !dryRun, "--save-plan keeps the plan of a dry run", "Add --dry-run"],
    [saves && offline, "--save-plan needs a plan made from the server", "Leave --offline out"],
    [saves && carriesOut, "--save-plan makes a new plan, --plan carries out an old one"],
    [planDigest !== undefined && !carriesOut, "--plan-digest says which plan --plan carries out", "Add --plan FILE"],
    [signHead !== undefined && dryRun, "a dry run writes no log, so there is no head to sign", "Leave --sign-head out"],
    [breakLock !== undefined && dryRun, "a dry run takes no lock, so --break-lock has none to break"],
  ];
  for (const [holds, message, hint] of contradictions) if (holds) conflict(given, message, hint);
}

/** Refuses options that shape a plan where an earlier run's do, which would be left unread. */
function refuseShaping(given: Given, earlier: string, other: string): void {
  const shaping = SHAPING.filter((key) => given.typed.includes(key)).map((key) => OPTIONS[key].long);
  if (shaping.length === 0) return;
  conflict(
    given,
    `${earlier} takes what shapes the plan from its own run's options, so ${shaping.join(", ")} cannot be given`,
    `Leave ${shaping.length === 1 ? "it" : "them"} out, or ${other}`,
  );
}

function refuseLongKeys(given: Given, tenants: readonly string[]): void {
  for (const tenant of tenants) {
    const excess = excessOfName(tenant);
    if (excess !== undefined) fault(given, "TEXT_TOO_LONG", `there is no tenant ${quote(tenant)}${excess}`);
  }
}

/** What `resolve` is to write down; only a task to be taken over is read from the server. */
function resolutionOf(given: Given) {
  const { taskId, from, retry, forget } = given.values;
  // A mark that was copied along unseen is no part of a key, and is not logged as one.
  const tenants = [...new Set(given.operands.map((word) => trimAround(withoutUnseen(word))))];
  const [tenant = ""] = tenants;
  refuseLongKeys(given, tenants);
  if (tenants.some((each) => foldTenantKey(each) === ""))
    fault(given, "ARGUMENT_MISSING", "a tenant's key is empty", "Write resolve TENANT");
  const ways = [
    ...(taskId === undefined ? [] : ["--task-id"]),
    ...(retry ? ["--retry"] : []),
    ...(forget ? ["--forget"] : []),
  ];
  if (ways.length === 0) {
    const hint =
      "Give --task-id GUID (that task is the copy), --retry (create once more) or --forget (it holds nothing)";
    fault(given, "OPTION_MISSING", "resolve needs to know how", hint);
  }
  if (ways.length > 1) conflict(given, `${ways.join(" and ")} contradict each other`, "Give one of them");
  if (from !== undefined && taskId === undefined)
    conflict(
      given,
      "--from says whose task it was, so it needs --task-id",
      "Write resolve NEW --task-id GUID --from OLD",
    );
  if (taskId === undefined) return { kind: retry ? ("retry" as const) : ("forget" as const), tenants };
  if (tenants.length > 1)
    conflict(
      given,
      `--task-id is one tenant's copy, but ${tenants.length} tenants are given`,
      "Resolve one tenant at a time; quote a key that has blanks in it",
    );
  return { kind: "task" as const, tenant, taskId, from, connection: requireConnection(given, "resolve") };
}
