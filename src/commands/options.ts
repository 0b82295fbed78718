import { type AppId, normalGuid, type TaskId } from "../shared/ids.js";
import { RESULT_KINDS, type ResultFile } from "../shared/results.js";
import { nearestSpellings } from "../shared/spelling.js";
import { LONGEST_NAME } from "../shared/text-limits.js";

/** Why a text is no value of an option: what to write instead. */
export class Advice {
  readonly hint: string;
  readonly code: "OPTION_VALUE" | "OUT_ENDING";

  constructor(hint: string, code: Advice["code"] = "OPTION_VALUE") {
    this.hint = hint;
    this.code = code;
  }
}

/** Makes a value of an option's text; `long` is the option, for the advice. */
type Parse<T> = (text: string, long: string) => T | Advice;

/** A kind of value. */
interface Kind<T = unknown> {
  /** Its name in help: `DURATION`. */
  readonly value: string;
  readonly parse: Parse<T>;
  readonly choices?: readonly string[] | undefined;
  /** It is a file of this machine: completed as such, and never written over by a result. */
  readonly file?: boolean | undefined;
}

/** One option as help, parsing, completion, settings and tests read it; `V` is what the settings hold. */
export interface OptionSpec<V = unknown> extends Omit<Kind, "value"> {
  /** `--settle`: what the option is known by. */
  readonly long: string;
  readonly short?: string | undefined;
  /** `undefined`: the option takes no value. */
  readonly value?: string | undefined;
  readonly description: string;
  readonly repeatable?: boolean | undefined;
  /** What the settings hold where it is not given, and what help says of that. */
  readonly absent: V;
  readonly otherwise?: string | undefined;
  /** The variable that is read where it is not given. */
  readonly env?: string | undefined;
}

function flag(
  long: string,
  description: string,
  more: { short?: string; otherwise?: string } = {},
): OptionSpec<boolean> {
  return { long, description, ...more, parse: () => true, absent: false };
}

function one<T>(long: string, kind: Kind<T>, description: string, otherwise?: string): OptionSpec<T | undefined> {
  return { ...kind, long, description, otherwise, absent: undefined };
}

/** An option that always has a value: `usual`, written as it would be typed, where it is not given. */
function preset<T>(long: string, kind: Kind<T>, description: string, usual: string): OptionSpec<T> {
  const absent = kind.parse(usual, long);
  if (absent instanceof Advice) throw new Error(`${long} cannot be ${usual}`);
  return { ...kind, long, description, otherwise: usual, absent };
}

function many<T>(long: string, kind: Kind<T>, description: string, otherwise?: string): OptionSpec<readonly T[]> {
  return { ...kind, long, description, otherwise, repeatable: true, absent: [] };
}

function text(value: string): Kind<string> {
  return { value, parse: withinLimit };
}

function withinLimit(typed: string): string | Advice {
  if (typed.length <= LONGEST_NAME) return typed;
  return new Advice(`Shorten it: it has ${typed.length} characters, and at most ${LONGEST_NAME} are read`);
}

/** How long a path may be is the system's affair. */
const FILE: Kind<string> = { value: "FILE", parse: (typed) => typed, file: true };

/** What a line to paste can hold in any shell, between quotes or not. */
const SANDBOX_KEY: Kind<string> = {
  value: "KEY",
  parse: (typed, long) =>
    /^[\w.-]{1,200}$/.test(typed) ? typed : new Advice(`Give ${long} letters, digits, - _ and . only`),
};

const GUID: Kind<string> = {
  value: "GUID",
  parse: (typed, long) =>
    normalGuid(typed) ?? new Advice(`Give ${long} an ID such as 5f0c6a1e-0000-4000-8000-000000000001`),
};
const TASK = GUID as Kind<TaskId>;
/** An ID in its normal form, or a name: only the server knows which task that is. */
const TASK_OR_NAME: Kind<string> = { value: "GUID|NAME", parse: (typed) => normalGuid(typed) ?? withinLimit(typed) };
const APP = GUID as Kind<AppId>;

function choice<T extends string>(value: string, ...choices: readonly T[]): Kind<T> {
  return {
    value,
    choices,
    parse: (typed) => choices.find((each) => each === typed) ?? new Advice(oneOf(typed, choices)),
  };
}

/** `Did you mean json? It is one of human, json, ndjson`. */
export function oneOf(text: string, choices: readonly string[]): string {
  return `${didYouMean(nearestSpellings(text.toLowerCase(), choices), " ")}It is one of ${choices.join(", ")}`;
}

/** `Did you mean --settle or --state?`, with `after` behind it; empty where nothing is near. */
export function didYouMean(nearest: readonly string[], after = ""): string {
  return nearest.length === 0 ? "" : `Did you mean ${nearest.join(" or ")}?${after}`;
}

function number(value: string, form: RegExp, fits: (typed: number) => boolean, wanted: string): Kind<number> {
  return {
    value,
    parse: (typed, long) => {
      const parsed = form.test(typed.trim()) ? Number(typed) : Number.NaN;
      return fits(parsed) ? parsed : new Advice(`Give ${long} ${wanted}`);
    },
  };
}

function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): Kind<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
  return number("N", /^\d+$/, (typed) => typed >= least && typed <= most, `a whole number ${range}`);
}

/** A number as a person writes it, with no exponent and no sign. */
const DECIMAL = /^(?:\d+(?:\.\d+)?|\.\d+)$/;
const PER_SECOND = number("N", DECIMAL, (typed) => typed > 0 && typed < Infinity, "a number above 0: 10, 0.5");
const SHARE = number("RATE", DECIMAL, (typed) => typed >= 0 && typed <= 1, "a number from 0 to 1: 0.2");

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const A_DAY_MS = 24 * 60 * 60_000;

/** Milliseconds of `500ms`, `30s` or `1.5m`. A bare number is refused where `unit` is none: it could mean seconds as well. */
function duration(leastMs: number, mostMs = A_DAY_MS, unit = ""): Kind<number> {
  return {
    value: "DURATION",
    parse: (typed, long) => {
      const [, number, given = ""] = /^(\d+(?:\.\d+)?)\s*(ms|s|m)?$/i.exec(typed.trim()) ?? [];
      const ms = Math.round(Number(number) * (UNIT_MS[(given || unit).toLowerCase()] ?? Number.NaN));
      if (Number.isNaN(ms))
        return new Advice(`Write it as a number and a unit: ${long} 500ms, ${long} 30s or ${long} 2m`);
      return ms >= leastMs && ms <= mostMs ? ms : new Advice(`It is from ${leastMs}ms to ${mostMs / 60_000}m`);
    },
  };
}

const SHA256: Kind<string> = {
  value: "SHA256",
  parse: (typed) => {
    const digest = typed.trim().toLowerCase();
    return /^[0-9a-f]{64}$/.test(digest) ? digest : new Advice("Give all 64 characters, as --save-plan printed them");
  },
};

/** A log's head as results tell it. */
const LOG_HEAD: Kind<{ readonly seq: number; readonly digest: string }> = {
  value: "SEQ:DIGEST",
  parse: (typed) => {
    const [, seq, digest] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(typed.trim()) ?? [];
    return seq === undefined || digest === undefined
      ? new Advice("Write the seq, a colon and the whole digest of a result's log: 150:221ca406…")
      : { seq: Number(seq), digest: digest.toLowerCase() };
  },
};

const RESULT: Kind<ResultFile> = {
  ...FILE,
  parse: (path) => {
    const kind = RESULT_KINDS.find((each) => path.toLowerCase().endsWith(`.${each}`));
    return kind === undefined
      ? new Advice(`Its ending is one of .${RESULT_KINDS.join(" .")}`, "OUT_ENDING")
      : { path, kind };
  },
};

const PATTERN: Kind<string> = {
  value: "PATTERN",
  parse: (typed) =>
    typed.split("{tenant}").length === 2
      ? withinLimit(typed)
      : new Advice('Put {tenant} in it once: --pattern "Sales - {tenant}"'),
};

/** Which columns there are, the manifest's reader knows. */
const COLUMN: Kind<string> = {
  value: "COLUMN=HEADER",
  parse: (typed) => {
    const [, column = "", header = ""] = /^([^=]+)=(.+)$/s.exec(typed) ?? [];
    return column.trim() === "" || header.trim() === ""
      ? new Advice("Write the manifest's column, =, and the header that means it: --column tenant=Kunde")
      : withinLimit(`${column.trim()}=${header.trim()}`);
  },
};

const N = wholeNumber(0);
const OUTPUT = "what standard output gets";

/** Every option; its key is what the settings call it. One flag has one form in every command. */
export const OPTIONS = {
  sourceTask: one(
    "--source-task",
    TASK_OR_NAME,
    "the task to duplicate, where a row has no sourceTaskId: its ID, or its name where one task alone has it",
  ),
  /** Of commands that ask no server. */
  sourceTaskId: one("--source-task", TASK, "the task to duplicate, where a row has no sourceTaskId"),
  masterApp: one("--master-app", APP, "the app to replace, where a row has no qlikAppId"),
  reports: many("--report", GUID, "a report to map, where a row has no reportId", "every report of the source task"),
  reportId: preset(
    "--report-id",
    choice("KIND", "row", "report"),
    "which of a report's two IDs is sent in bodies",
    "row",
  ),
  name: one(
    "--name",
    text("TEMPLATE"),
    "the copy's name: {tenant}, {task}, {any column of the manifest}",
    "{task} - {tenant}",
  ),
  columns: many("--column", COLUMN, "the header that means a column, where it is another: tenant=Kunde"),
  sheet: one("--sheet", text("NAME"), "the sheet of an Excel workbook that is the manifest", "the first visible one"),
  encoding: one(
    "--encoding",
    text("NAME"),
    "the manifest's encoding, such as utf-8 or windows-1252",
    "found by looking",
  ),
  apps: one("--apps", FILE, "a list of apps (CSV or JSON, with IDs): an app that is not in it is refused"),
  dryRun: flag("--dry-run", "plan only: reads, never writes", { short: "-n" }),
  offline: flag("--offline", "with --dry-run: no reads either"),
  verify: flag("--verify", "read every copy's mappings: those known before, and those made by this run", {
    otherwise: "first creates only",
  }),
  savePlan: one("--save-plan", FILE, "keep a dry run's plan, to carry out exactly that plan later"),
  plan: one("--plan", FILE, "carry out exactly this saved plan; refused (exit 7) where anything has changed"),
  planDigest: one(
    "--plan-digest",
    SHA256,
    "refuse (exit 7) any other plan than the one that --save-plan printed this for",
  ),
  resume: flag("--resume", "finish the last sync of this manifest, with the options that it had"),
  only: many("--only", text("PATTERN"), "only these tenants: acme, 'eu-*'", "all"),
  limit: one("--limit", N, "at most N tenants are created, updated, adopted or sent again"),
  maxChanges: one("--max-changes", N, "refuse (exit 7) a plan that changes more than N tenants"),
  detailedExitCode: flag("--detailed-exitcode", "exit 10 where changes are pending or left"),
  adopt: flag("--adopt", "take over a task that has the right name already"),
  recreate: flag("--recreate", "make a copy anew that is provably gone"),
  allowSharedApp: many("--allow-shared-app", APP, "this app may be used by more than one tenant"),
  allowMasterApp: many("--allow-master-app", text("TENANT"), "this tenant may stay on the master app"),
  allowUnmappedReport: many(
    "--allow-unmapped-report",
    GUID,
    "this report may be left out of a tenant's mappings: its copy shows the master's figures",
  ),
  allowLiveSource: flag("--allow-live-source", "copy a source task although it would mail by itself"),
  newLog: flag("--new-log", "go on with a log that knows no copy although the server's list is not whole"),
  server: {
    ...one("--server", text("URL"), "the Qalyptus server: https://host, host:port, https://host/prefix"),
    env: "QALYPTUS_SERVER",
  },
  apiKeyFile: one(
    "--api-key-file",
    FILE,
    "a file that holds the API key, - for standard input; else QALYPTUS_API_KEY is read",
  ),
  caFiles: many("--ca-file", FILE, "trust this authority too (PEM or DER)"),
  insecure: flag("--insecure", "trust any certificate of the server (warns every time)"),
  allowHttp: flag("--allow-http", "plain http to another host is meant: do not warn of it"),
  timeoutMs: preset("--timeout", duration(1), "one request, from sending to the last byte: 500ms, 30s, 2m", "60s"),
  concurrency: preset("--concurrency", wholeNumber(1, 256), "writes in flight, 1 to 256", "8"),
  rate: one("--rate", PER_SECOND, "requests a second, at most", "no limit"),
  retries: preset(
    "--retries",
    wholeNumber(0, 1000),
    "how often to repeat a read that failed, or a write that certainly did nothing (no connection, or 429)",
    "4",
  ),
  settleMs: one(
    "--settle",
    duration(0),
    "after a lost answer: wait this long before a copy that the server does not list counts as never made",
    "the greater of --timeout and 15s",
  ),
  maxFailures: one("--max-failures", wholeNumber(1), "start no more writes after N tenants failed or went in doubt"),
  idempotencyLog: {
    ...one(
      "--idempotency-log",
      { ...FILE, value: "FILE|URL" },
      "the idempotency log: a file, or postgres://USER@HOST:PORT/DATABASE?log=NAME",
      "beside the manifest: MANIFEST.idempotency.jsonl",
    ),
    env: "QALYPTUS_IDEMPOTENCY_LOG",
  },
  lockTimeoutMs: preset("--lock-timeout", duration(0), "how long to wait for another run's lock", "0s"),
  heads: many("--head", LOG_HEAD, "a head that was noted once (SEQ:DIGEST): is it in this log"),
  signHead: one(
    "--sign-head",
    text("COMMAND"),
    "at the end COMMAND signs the log's head: it reads SEQ:DIGEST, and what it writes is kept in the log",
  ),
  signature: one(
    "--signature",
    text("COMMAND"),
    "COMMAND verifies the log's last signature: it reads SEQ:DIGEST; the signature is in the file $QALYPTUS_SIGNATURE",
  ),
  printSql: flag("--print-sql", "print the SQL instead, for a database administrator"),
  breakLock: one("--break-lock", text("ID"), "remove the log's foreign lock that has this ID"),
  rebind: flag("--rebind", "accept the server's new address, once the source task and known copies are found there"),
  format: preset("--format", choice("FORMAT", "human", "json", "ndjson"), OUTPUT, "human"),
  answerFormat: preset("--format", choice("FORMAT", "human", "json"), OUTPUT, "human"),
  files: many("--out", RESULT, "also write the result; the ending says how: .json .csv .md .html .xml (JUnit)"),
  quiet: flag("--quiet", "no progress, only what needs attention", { short: "-q" }),
  verbose: flag("--verbose", "tell each request, and the stack of a defect", { short: "-v" }),
  noColor: flag("--no-color", "no colours; NO_COLOR, FORCE_COLOR and CI are honoured too"),
  help: flag("--help", "this help", { short: "-h" }),
  version: flag("--version", "the program's version", { short: "-V" }),
  taskId: one("--task-id", TASK, "the tenant's copy is this task (one tenant)"),
  from: one("--from", text("OLD"), "with --task-id: take it from the logged tenant OLD (a rename)"),
  retry: flag("--retry", "the next sync may create once more"),
  forget: flag("--forget", "the tenant holds nothing any more"),
  reason: one("--reason", text("TEXT"), "why, for the log; needed to forget an open doubt"),
  manifest: one("--manifest", FILE, "the manifest whose log is meant"),
  pattern: one("--pattern", PATTERN, "how an app's name holds the tenant's key: 'Sales - {tenant}'"),
  manifestFile: one("--out", FILE, "the manifest to write, as the argument"),
  manifestFormat: one(
    "--format",
    choice("FORMAT", "csv", "json", "xlsx"),
    "the manifest's format",
    "by the file's ending, else csv",
  ),
  force: flag("--force", "overwrite a file that exists"),
  port: one("--port", wholeNumber(0, 65_535), "the port on loopback", "3994, another where that is taken"),
  sandboxKey: one("--key", SANDBOX_KEY, "the API key that it takes", "made anew at each start"),
  latencyMs: preset("--latency", duration(0, 600_000, "ms"), "how long each answer takes: 20 (ms), 20ms, 1s", "0"),
  state: one("--state", FILE, "keep the tasks here: they outlive a restart"),
  chaos: preset("--chaos", SHARE, "how many requests go wrong, 0 to 1", "0"),
  faults: many("--fault", text("FAULT"), "one fault: NAME[=VALUE][,KEY=VALUE...]"),
  seed: one("--seed", wholeNumber(0, 2 ** 32 - 1), "repeat the same chaos"),
  keep: flag("--keep", "leave the demo's files, and say where they are"),
} as const;

export type OptionKey = keyof typeof OPTIONS;

/** What every option holds, given or not. */
export type Values = {
  readonly [K in OptionKey]: (typeof OPTIONS)[K] extends OptionSpec<infer V> ? V : never;
};

/** What every option holds where none is given. */
export const ABSENT = Object.fromEntries(
  Object.entries<OptionSpec>(OPTIONS).map(([key, { absent }]) => [key, absent]),
) as Values;
