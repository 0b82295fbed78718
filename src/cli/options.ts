import { normalGuid, type TaskId } from "../shared/ids.js";
import type { ResultFile } from "../shared/outcome.js";
import { nearestSpellings } from "../shared/spelling.js";

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

interface Details {
  readonly choices?: readonly string[] | undefined;
  /** What help says of the option that is not given. */
  readonly otherwise?: string | undefined;
  /** The variable that is read where the option is not given. */
  readonly env?: string | undefined;
  /** The value is a file of this machine: completed as such, and never written over by a result. */
  readonly file?: boolean | undefined;
}

/** One option as help, parsing, completion, settings and tests read it; `V` is what its settings hold. */
export interface OptionSpec<V = unknown> extends Details {
  /** `--settle`: what the option is known by. */
  readonly long: string;
  readonly short: string | undefined;
  /** The value's name in help (`DURATION`); `undefined`: the option takes none. */
  readonly value: string | undefined;
  readonly description: string;
  readonly repeatable: boolean;
  readonly parse: Parse<unknown>;
  /** What it is where it is not given. */
  readonly absent: V;
}

function spec<V>(
  flags: string,
  rest: Details & Pick<OptionSpec<V>, "description" | "repeatable" | "parse" | "absent">,
): OptionSpec<V> {
  const [, short, long = "", value] = /^(?:(-\w), )?(--[\w-]+)(?: (.+))?$/.exec(flags) ?? [];
  return { long, short, value, ...rest };
}

function flag(flags: string, description: string, otherwise?: string): OptionSpec<boolean> {
  return spec(flags, { description, otherwise, repeatable: false, parse: () => true, absent: false });
}

function one<T>(flags: string, description: string, parse: Parse<T>, details: Details = {}) {
  return spec<T | undefined>(flags, { description, parse, ...details, repeatable: false, absent: undefined });
}

/** An option that always has a value: `usual`, written as it would be typed, where it is not given. */
function preset<T>(
  flags: string,
  description: string,
  parse: Parse<T>,
  { usual, ...details }: Details & { readonly usual: string },
): OptionSpec<T> {
  const absent = parse(usual, flags);
  if (absent instanceof Advice) throw new Error(`${flags} cannot be ${usual}`);
  return spec(flags, { description, parse, otherwise: usual, ...details, repeatable: false, absent });
}

function many<T>(flags: string, description: string, parse: Parse<T>, details: Details = {}) {
  return spec<readonly T[]>(flags, { description, parse, ...details, repeatable: true, absent: [] });
}

const asIs = (text: string): string => text;

const guid: Parse<string> = (text, long) =>
  normalGuid(text) ?? new Advice(`Give ${long} an ID such as 5f0c6a1e-0000-4000-8000-000000000001`);

const taskId = guid as Parse<TaskId>;

function choice<T extends string>(...choices: readonly T[]): Parse<T> {
  return (text) => choices.find((each) => each === text) ?? new Advice(oneOf(text, choices));
}

/** `Did you mean json? It is one of human, json, ndjson`. */
export function oneOf(text: string, choices: readonly string[]): string {
  return `${didYouMean(nearestSpellings(text.toLowerCase(), choices), " ")}It is one of ${choices.join(", ")}`;
}

/** `Did you mean --settle or --state?`, with `after` behind it; empty where nothing is near. */
export function didYouMean(nearest: readonly string[], after = ""): string {
  return nearest.length === 0 ? "" : `Did you mean ${nearest.join(" or ")}?${after}`;
}

function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): Parse<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `from ${least} up` : `from ${least} to ${most}`;
  return (text, long) => {
    const number = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    return number >= least && number <= most ? number : new Advice(`Give ${long} a whole number ${range}`);
  };
}

/** A number as a person writes it: no exponent, no sign. */
function decimal(text: string): number {
  return /^(?:\d+(?:\.\d+)?|\.\d+)$/.test(text.trim()) ? Number(text) : Number.NaN;
}

const perSecond: Parse<number> = (text, long) => {
  const number = decimal(text);
  return number > 0 && number < Infinity
    ? number
    : new Advice(`Give ${long} a number above 0: ${long} 10, ${long} 0.5`);
};

const share: Parse<number> = (text, long) => {
  const number = decimal(text);
  return number >= 0 && number <= 1 ? number : new Advice(`Give ${long} a number from 0 to 1: ${long} 0.2`);
};

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000 };
const A_DAY_IN_MINUTES = 24 * 60;
const MOST_LATENCY_MS = 600_000;

/** Milliseconds of `500ms`, `30s` or `1.5m`; `undefined` where the text is no duration. */
function durationMs(text: string): number | undefined {
  const [, number, unit = ""] = /^(\d+(?:\.\d+)?)\s*(ms|s|m)$/i.exec(text.trim()) ?? [];
  const factor = UNIT_MS[unit.toLowerCase()];
  return factor === undefined ? undefined : Math.round(Number(number) * factor);
}

/** A number without a unit is refused, for it could mean seconds as well as milliseconds. */
function duration(leastMs: number): Parse<number> {
  return (text, long) => {
    const ms = durationMs(text);
    if (ms === undefined)
      return new Advice(`Write it as a number and a unit: ${long} 500ms, ${long} 30s or ${long} 2m`);
    const isInRange = ms >= leastMs && ms <= A_DAY_IN_MINUTES * 60_000;
    return isInRange ? ms : new Advice(`It is from ${leastMs}ms to ${A_DAY_IN_MINUTES}m`);
  };
}

const latency: Parse<number> = (text) => {
  const ms = /^\d+$/.test(text.trim()) ? Number(text) : durationMs(text);
  if (ms !== undefined && ms <= MOST_LATENCY_MS) return ms;
  return new Advice("Give milliseconds or a duration up to 10m: --latency 20, --latency 1.5s");
};

const KINDS: readonly ResultFile["kind"][] = ["json", "csv", "md", "html", "xml"];

const resultFile: Parse<ResultFile> = (path) => {
  const ending = /\.([a-z]+)$/i.exec(path)?.[1]?.toLowerCase();
  const kind = KINDS.find((each) => each === ending);
  return kind === undefined ? new Advice(`Its ending is one of .${KINDS.join(" .")}`, "OUT_ENDING") : { path, kind };
};

const pattern: Parse<string> = (text) =>
  text.split("{tenant}").length === 2 ? text : new Advice('Put {tenant} in it once: --pattern "Sales - {tenant}"');

const FILE = { file: true };
const A_LIST_OF_APPS = "a list of apps (CSV or JSON, with IDs): an app that is not in it is refused";

/** Every option; its key is what the settings call it. One flag has one form in every command. */
export const OPTIONS = {
  sourceTask: one("--source-task GUID", "the task to duplicate, for rows that name none", taskId),
  masterApp: one("--master-app GUID", "the app to replace, for rows that name none", guid),
  reports: many("--report GUID", "a report to map, for rows that name none", guid, {
    otherwise: "every report of the source task",
  }),
  reportId: preset("--report-id KIND", "which of a report's two IDs is sent in bodies", choice("row", "report"), {
    choices: ["row", "report"],
    usual: "row",
  }),
  name: one("--name TEMPLATE", "the copy's name: {tenant}, {task}, {any column of the manifest}", asIs, {
    otherwise: "{task} - {tenant}",
  }),
  encoding: one("--encoding NAME", "the manifest's encoding, such as utf-8 or windows-1252", asIs, {
    otherwise: "found by looking",
  }),
  apps: one("--apps FILE", A_LIST_OF_APPS, asIs, FILE),
  dryRun: flag("-n, --dry-run", "plan only: reads, never writes"),
  offline: flag("--offline", "with --dry-run: no reads either"),
  verify: flag(
    "--verify",
    "read every copy's mappings: those known before, and those made by this run",
    "first creates only",
  ),
  savePlan: one("--save-plan FILE", "keep a dry run's plan, to carry out exactly that plan later", asIs, FILE),
  plan: one(
    "--plan FILE",
    "carry out exactly this saved plan; refused (exit 7) where anything has changed",
    asIs,
    FILE,
  ),
  resume: flag("--resume", "finish the last sync of this manifest, with the options that it had"),
  only: many("--only PATTERN", "only these tenants: acme, 'eu-*'", asIs, { otherwise: "all" }),
  limit: one("--limit N", "at most N tenants are created, updated, adopted or sent again", wholeNumber(0)),
  maxChanges: one("--max-changes N", "refuse (exit 7) a plan that changes more than N tenants", wholeNumber(0)),
  detailedExitCode: flag("--detailed-exitcode", "exit 10 where changes are pending or left"),
  adopt: flag("--adopt", "take over a task that has the right name already"),
  recreate: flag("--recreate", "make a copy anew that is provably gone"),
  allowSharedApp: many("--allow-shared-app GUID", "this app may be used by more than one tenant", guid),
  allowMasterApp: many("--allow-master-app TENANT", "this tenant may stay on the master app", asIs),
  allowUnmappedReport: many(
    "--allow-unmapped-report GUID",
    "this report may be left out of a tenant's mappings: its copy shows the master's figures",
    guid,
  ),
  allowLiveSource: flag("--allow-live-source", "copy a source task although it would mail by itself"),
  newLog: flag("--new-log", "go on with a log that knows no copy although the server's list is not whole"),
  server: one("--server URL", "the Qalyptus server: https://host, host:port, https://host/prefix", asIs, {
    env: "QALYPTUS_SERVER",
  }),
  apiKeyFile: one(
    "--api-key-file FILE",
    "a file that holds the API key, - for standard input; else QALYPTUS_API_KEY is read",
    asIs,
    FILE,
  ),
  caFiles: many("--ca-file FILE", "trust this authority too (PEM or DER)", asIs, FILE),
  insecure: flag("--insecure", "trust any certificate (warns every time)"),
  timeoutMs: preset("--timeout DURATION", "one request, from sending to the last byte: 500ms, 30s, 2m", duration(1), {
    usual: "60s",
  }),
  concurrency: preset("--concurrency N", "writes in flight, 1 to 256", wholeNumber(1, 256), { usual: "8" }),
  rate: one("--rate N", "requests a second, at most", perSecond, { otherwise: "no limit" }),
  retries: preset("--retries N", "further tries of what provably did nothing", wholeNumber(0, 1000), { usual: "4" }),
  settleMs: one("--settle DURATION", "how long after giving up on a write its absence is believed", duration(0), {
    otherwise: "the greater of --timeout and 15s",
  }),
  maxFailures: one("--max-failures N", "start no more writes after N tenants failed or went in doubt", wholeNumber(1)),
  idempotencyLog: one("--idempotency-log FILE", "the idempotency log", asIs, {
    ...FILE,
    otherwise: "beside the manifest: MANIFEST.idempotency.jsonl",
  }),
  breakLock: one("--break-lock ID", "remove the log's foreign lock that has this ID", asIs),
  rebind: flag("--rebind", "accept the server's new address, once the source task and known copies are found there"),
  format: preset("--format FORMAT", "what standard output gets", choice("human", "json", "ndjson"), {
    choices: ["human", "json", "ndjson"],
    usual: "human",
  }),
  answerFormat: preset("--format FORMAT", "what standard output gets", choice("human", "json"), {
    choices: ["human", "json"],
    usual: "human",
  }),
  files: many(
    "--out FILE",
    "also write the result; the ending says how: .json .csv .md .html .xml (JUnit)",
    resultFile,
    FILE,
  ),
  quiet: flag("-q, --quiet", "no progress, only what needs attention"),
  verbose: flag("-v, --verbose", "tell each request, and the stack of a defect"),
  noColor: flag("--no-color", "no colours; NO_COLOR, FORCE_COLOR and CI are honoured too"),
  help: flag("-h, --help", "this help"),
  version: flag("-V, --version", "the program's version"),
  taskId: one("--task-id GUID", "the tenant's copy is this task (one tenant)", taskId),
  from: one("--from OLD", "with --task-id: take it from the logged tenant OLD (a rename)", asIs),
  retry: flag("--retry", "the next sync may create once more"),
  forget: flag("--forget", "the tenant holds nothing any more"),
  reason: one("--reason TEXT", "why, for the log; needed to forget an open doubt", asIs),
  manifest: one("--manifest FILE", "the manifest whose log is meant", asIs, FILE),
  pattern: one("--pattern PATTERN", "how an app's name holds the tenant's key: 'Sales - {tenant}'", pattern),
  force: flag("--force", "overwrite a file that exists"),
  port: one("--port N", "the port on loopback", wholeNumber(0, 65_535), {
    otherwise: "3994, another where that is taken",
  }),
  latencyMs: preset("--latency DURATION", "how long each answer takes: 20 (ms), 20ms, 1s", latency, { usual: "0" }),
  state: one("--state FILE", "keep the tasks here: they outlive a restart", asIs, FILE),
  chaos: preset("--chaos RATE", "how many requests go wrong, 0 to 1", share, { usual: "0" }),
  faults: many("--fault FAULT", "one fault: NAME[=VALUE][,KEY=VALUE...]", asIs),
  seed: one("--seed N", "repeat the same chaos", wholeNumber(0, 2 ** 32 - 1)),
  taskOrName: one(
    "--source-task GUID|NAME",
    "the task to duplicate, by its ID or its name; asked for on a terminal",
    asIs,
  ),
  manifestFile: one("--out FILE", "the manifest to write, as the argument", asIs, FILE),
  manifestFormat: one("--format FORMAT", "the manifest's format", choice("csv", "json"), {
    choices: ["csv", "json"],
    otherwise: "by the file's ending, else csv",
  }),
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
