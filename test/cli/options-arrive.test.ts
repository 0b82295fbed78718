import { describe, expect, it } from "vitest";
import { readCommandLine } from "../../src/cli/command-line.js";
import { COMMANDS, type CommandSpec } from "../../src/cli/command-table.js";
import { OPTIONS } from "../../src/commands/options.js";
import type { CommandName } from "../../src/commands/settings.js";

const TASK = "11111111-1111-4111-8111-111111111111";
const APP = "22222222-2222-4222-8222-222222222222";
const ENV = { QALYPTUS_SERVER: "https://from-the-environment.example", QALYPTUS_API_KEY: "key-of-the-environment" };

/** The fewest words that each command can be called with. */
const BARE: Readonly<Record<CommandName, readonly string[]>> = {
  sync: ["customers.csv"],
  drift: ["customers.csv"],
  validate: ["customers.csv"],
  "log verify": [],
  "log history": [],
  "log copy": ["one.jsonl", "two.jsonl"],
  "log init": [],
  status: [],
  resolve: ["acme", "--forget"],
  doctor: [],
  init: [],
  sandbox: [],
  demo: [],
  schema: [],
  completion: ["bash"],
};

interface Arrival {
  /** The words that give the option; what else it needs comes along. */
  readonly words: readonly string[];
  /** Where it is found in the settings. */
  readonly at: string;
  readonly value: unknown;
  /** Other words than the bare ones, where the two contradict each other. */
  readonly bare?: readonly string[];
}

/** What every flag becomes. A flag that is missing here fails the test below. */
const ARRIVALS: Readonly<Record<string, Arrival>> = {
  "--source-task": { words: ["--source-task", TASK.toUpperCase()], at: "shape.sourceTask", value: TASK },
  "status --source-task": { words: ["--source-task", TASK], at: "sourceTask", value: TASK },
  "resolve --source-task": { words: ["--source-task", TASK], at: "sourceTask", value: TASK },
  "init --source-task": { words: ["--source-task", "Monthly Report"], at: "sourceTask", value: "Monthly Report" },
  "--master-app": { words: ["--master-app", `{${APP}}`], at: "shape.masterApp", value: APP },
  "--lock-timeout": { words: ["--lock-timeout", "10m"], at: "lockTimeoutMs", value: 600_000 },
  "--head": {
    words: ["--head", `12:${"AB".repeat(32)}`],
    at: "heads",
    value: [{ seq: 12, digest: "ab".repeat(32) }],
  },
  "--print-sql": { words: ["--print-sql"], at: "printSql", value: true },
  "init --master-app": { words: ["--master-app", APP], at: "masterApp", value: APP },
  "--report": { words: ["--report", TASK, "--report", APP], at: "shape.reports", value: [TASK, APP] },
  "--column": {
    words: ["--column", " Tenant = Kunde ", "--column=name=a=b"],
    at: "shape.columns",
    value: ["Tenant=Kunde", "name=a=b"],
  },
  "status --column": { words: ["--column", "tenant=Kunde"], at: "columns", value: ["tenant=Kunde"] },
  "--sheet": { words: ["--sheet", "Kunden 2026"], at: "shape.sheet", value: "Kunden 2026" },
  "status --sheet": { words: ["--sheet", "Kunden"], at: "sheet", value: "Kunden" },
  "--report-id": { words: ["--report-id", "report"], at: "shape.reportId", value: "report" },
  "--name": { words: ["--name", "{tenant}: {task}"], at: "shape.name", value: "{tenant}: {task}" },
  "--encoding": { words: ["--encoding", "utf-16le"], at: "encoding", value: "utf-16le" },
  "--apps": { words: ["--apps", "apps.json"], at: "apps", value: "apps.json" },
  "--dry-run": { words: ["--dry-run"], at: "run.dryRun", value: true },
  "--offline": { words: ["--offline", "--dry-run"], at: "run.offline", value: true },
  "--verify": { words: ["--verify"], at: "run.verify", value: true },
  "--only": { words: ["--only", "acme", "--only=eu-*"], at: "shape.only", value: ["acme", "eu-*"] },
  "--limit": { words: ["--limit", "0"], at: "shape.limit", value: 0 },
  "--max-changes": { words: ["--max-changes", "0"], at: "run.maxChanges", value: 0 },
  "--adopt": { words: ["--adopt"], at: "shape.adopt", value: true },
  "--recreate": { words: ["--recreate"], at: "shape.recreate", value: true },
  "--resume": { words: ["--resume"], at: "resume", value: true },
  "--save-plan": { words: ["--save-plan", "plan.json", "-n"], at: "savePlan", value: "plan.json" },
  "--plan": { words: ["--plan", "plan.json"], at: "plan", value: "plan.json" },
  "--detailed-exitcode": { words: ["--detailed-exitcode"], at: "run.detailedExitCode", value: true },
  "--allow-shared-app": { words: ["--allow-shared-app", APP], at: "shape.allowSharedApp", value: [APP] },
  "--allow-master-app": { words: ["--allow-master-app", "Acme Ltd"], at: "shape.allowMasterApp", value: ["Acme Ltd"] },
  "--allow-unmapped-report": {
    words: ["--allow-unmapped-report", APP],
    at: "shape.allowUnmappedReport",
    value: [APP],
  },
  "--allow-live-source": { words: ["--allow-live-source"], at: "shape.allowLiveSource", value: true },
  "--new-log": { words: ["--new-log"], at: "run.newLog", value: true },
  "doctor --new-log": { words: ["--new-log"], at: "newLog", value: true },
  "--server": {
    words: ["--server", "reports.example:3994"],
    at: "connection.server",
    value: { text: "reports.example:3994", from: "--server" },
  },
  "--api-key-file": {
    words: ["--api-key-file", "key.txt"],
    at: "connection.apiKey",
    value: { kind: "file", path: "key.txt" },
  },
  ...Object.fromEntries(
    ["status", "log verify", "log history", "log copy", "log init"].map((command) => [
      `${command} --ca-file`,
      { words: ["--ca-file", "a.pem"], at: "caFiles", value: ["a.pem"] },
    ]),
  ),
  "--ca-file": {
    words: ["--ca-file", "a.pem", "--ca-file", "b.der"],
    at: "connection.caFiles",
    value: ["a.pem", "b.der"],
  },
  "--insecure": { words: ["--insecure"], at: "connection.insecure", value: true },
  "--allow-http": { words: ["--allow-http"], at: "connection.allowHttp", value: true },
  "--timeout": { words: ["--timeout", "1.5s"], at: "connection.timeoutMs", value: 1500 },
  "--rate": { words: ["--rate", "0.5"], at: "connection.rate", value: 0.5 },
  "--retries": { words: ["--retries", "0"], at: "connection.retries", value: 0 },
  "--concurrency": { words: ["--concurrency", "256"], at: "run.concurrency", value: 256 },
  "--settle": { words: ["--settle", "2m"], at: "run.settleMs", value: 120_000 },
  "--max-failures": { words: ["--max-failures", "1"], at: "run.maxFailures", value: 1 },
  "--idempotency-log": { words: ["--idempotency-log", "a.jsonl"], at: "idempotencyLog", value: "a.jsonl" },
  "--break-lock": { words: ["--break-lock", "7f3a"], at: "breakLock", value: "7f3a" },
  "--rebind": { words: ["--rebind"], at: "rebind", value: true },
  "--format": { words: ["--format", "json"], at: "output.format", value: "json" },
  "init --format": { words: ["--format", "json"], at: "manifestFormat", value: "json" },
  "--out": {
    words: ["--out", "a.JSON", "--out", "b.html"],
    at: "output.files",
    value: [
      { path: "a.JSON", kind: "json" },
      { path: "b.html", kind: "html" },
    ],
  },
  "init --out": { words: ["--out", "new.csv"], at: "file", value: "new.csv" },
  "--plan-digest": {
    words: ["--plan", "plan.json", "--plan-digest", "AB".repeat(32)],
    bare: [],
    at: "planDigest",
    value: "ab".repeat(32),
  },
  "--sign-head": { words: ["--sign-head", "sign it"], at: "signHead", value: "sign it" },
  "--signature": { words: ["--signature", "verify it"], at: "signature", value: "verify it" },
  "--quiet": { words: ["--quiet"], at: "output.verbosity", value: "quiet" },
  "--verbose": { words: ["--verbose"], at: "output.verbosity", value: "verbose" },
  "--no-color": { words: ["--no-color"], at: "output.noColor", value: true },
  "--task-id": { words: ["acme", "--task-id", TASK], bare: [], at: "resolution.taskId", value: TASK },
  "--from": {
    words: ["acme", "--task-id", TASK, "--from", "Old Acme"],
    bare: [],
    at: "resolution.from",
    value: "Old Acme",
  },
  "--retry": { words: ["acme", "--retry"], bare: [], at: "resolution", value: { kind: "retry", tenants: ["acme"] } },
  "--forget": {
    words: ["initech", "--forget"],
    bare: [],
    at: "resolution",
    value: { kind: "forget", tenants: ["initech"] },
  },
  "--reason": { words: ["--reason", "left in May"], at: "reason", value: "left in May" },
  "--manifest": { words: ["--manifest", "customers.csv"], at: "manifest", value: "customers.csv" },
  "--pattern": { words: ["--pattern", "Sales - {tenant}"], at: "pattern", value: "Sales - {tenant}" },
  "--force": { words: ["--force"], at: "force", value: true },
  "--port": { words: ["--port", "4000"], at: "port", value: 4000 },
  "--key": { words: ["--key", "try-it"], at: "sandboxKey", value: "try-it" },
  "--latency": { words: ["--latency", "20"], at: "latencyMs", value: 20 },
  "--state": { words: ["--state", "sandbox.json"], at: "state", value: "sandbox.json" },
  "--chaos": { words: ["--chaos", "0.2"], at: "chaos", value: 0.2 },
  "--fault": {
    words: ["--fault", "cut-after=0.1", "--fault", "no-list"],
    at: "faults",
    value: ["cut-after=0.1", "no-list"],
  },
  "--seed": { words: ["--seed", "7"], at: "seed", value: 7 },
  "--keep": { words: ["--keep"], at: "keep", value: true },
};

/** Options that no settings hold: they are answered before there are any. */
const ANSWERED_AT_ONCE: readonly string[] = [OPTIONS.help.long, OPTIONS.version.long];

function settingsOf(command: CommandSpec, words: readonly string[]): unknown {
  const line = readCommandLine([command.name, ...words], { env: ENV, argv0: "qalyptus-propagate" });
  if (line.kind !== "run") throw new Error(`not run: ${JSON.stringify(line)}`);
  return line.invocation.settings;
}

function valueAt(settings: unknown, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => Reflect.get(Object(value), key), settings);
}

/** Only `resolve --task-id` speaks to the server. */
function arrivalOf(command: CommandSpec, flag: string): Arrival | undefined {
  const arrival = ARRIVALS[`${command.name} ${flag}`] ?? ARRIVALS[flag];
  if (command.name !== "resolve" || arrival?.at.startsWith("connection.") !== true) return arrival;
  return { ...arrival, bare: ["acme", "--task-id", TASK], at: `resolution.${arrival.at}` };
}

const CASES = COMMANDS.flatMap((command) =>
  command.options
    .filter((option) => !ANSWERED_AT_ONCE.includes(option.long))
    .map((option) => ({ command, option, title: `${command.name} ${option.long}` })),
);

describe("every flag of every command arrives in its settings", () => {
  it.each(CASES)("$title", ({ command, option, title }) => {
    const arrival = arrivalOf(command, option.long);
    if (arrival === undefined) throw new Error(`no test says what becomes of ${title}`);
    const bare = arrival.bare ?? BARE[command.name];
    expect(arrival.words.some((word) => word.startsWith(option.long) || word === option.short)).toBe(true);
    expect(valueAt(settingsOf(command, [...bare, ...arrival.words]), arrival.at)).toEqual(arrival.value);
    const without = bare.length === 0 ? BARE[command.name] : bare;
    expect(valueAt(settingsOf(command, without), arrival.at)).not.toEqual(arrival.value);
  });

  it.each(
    COMMANDS.flatMap((command) =>
      command.options.filter((option) => option.short).map((option) => ({ command, option })),
    ),
  )("$command.name $option.short is $option.long", ({ command, option }) => {
    const words = (flag: string): unknown =>
      readCommandLine([command.name, ...BARE[command.name], flag], { env: ENV, argv0: "p" });
    expect(words(option.short ?? "")).toEqual(words(option.long));
  });

  it("says of no flag what no command has", () => {
    const flags = new Set(CASES.flatMap(({ command, option }) => [option.long, `${command.name} ${option.long}`]));
    expect(Object.keys(ARRIVALS).filter((flag) => !flags.has(flag))).toEqual([]);
  });
});
