import { OPTIONS, type OptionKey, type OptionSpec } from "../commands/options.js";
import { type CommandName, SHELLS } from "../commands/settings.js";

/** An option of one command: its key in the settings, and the heading that it stands under in help. */
export interface CommandOption extends OptionSpec {
  readonly key: OptionKey;
  readonly group: string;
}

/** One argument of a command. */
export interface ArgumentSpec {
  readonly name: string;
  readonly description: string;
  readonly required?: boolean | undefined;
  readonly variadic?: boolean | undefined;
  readonly choices?: readonly string[] | undefined;
  readonly file?: boolean | undefined;
}

/** One command as help, parsing, completion and tests read it. */
export interface CommandSpec {
  readonly name: CommandName;
  /** The heading that it stands under in the program's help. */
  readonly group: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  readonly description: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly CommandOption[];
  /** Lines to paste, without the program's name, and what each does. */
  readonly examples: readonly (readonly [line: string, note: string])[];
}

type Groups = Readonly<Record<string, readonly OptionKey[]>>;

const JOB = "The job:";
const LEFT = "When something is left:";
const AUDIT = "The idempotency log itself:";
const TRY = "To try it:";
const EDITORS = "For editors and shells:";
const ROWS = "The manifest's rows:";
const EXCEPTIONS = "Exceptions, one by one:";
const SERVER = "The server:";
const LOG = "The idempotency log:";
const OUTPUT = "Output:";

const ROW_OPTIONS = ["masterApp", "reports", "name"] as const;
const ALLOWED = ["allowSharedApp", "allowMasterApp", "allowUnmappedReport"] as const;
const CONNECTION: Groups = {
  [SERVER]: ["server", "apiKeyFile", "caFiles", "insecure", "allowHttp", "timeoutMs", "rate", "retries"],
};
const LOG_OPTIONS = ["idempotencyLog", "caFiles"] as const;
const MANIFEST = { name: "MANIFEST", description: "the manifest: Excel, CSV or JSON", file: true };

/** The command's options under their headings, and those of every command. `described`: what an option is in this one. */
function options(groups: Groups, described: Partial<Record<OptionKey, string>> = {}): readonly CommandOption[] {
  const all: Groups = { ...groups, "Everywhere:": ["quiet", "verbose", "noColor", "help", "version"] };
  return Object.entries(all).flatMap(([group, keys]) =>
    keys.map((key) => {
      const option: OptionSpec = OPTIONS[key];
      return { ...option, key, group, description: described[key] ?? option.description };
    }),
  );
}

/** Every command, in the order of help. */
export const COMMANDS: readonly CommandSpec[] = [
  {
    name: "sync",
    group: JOB,
    summary: "make the server match the manifest",
    description:
      "Makes the server match the manifest: every tenant gets one copy of the source task, whose reports read the tenant's own app. " +
      "Safe to repeat: what is done already is left alone.",
    arguments: [MANIFEST],
    options: options({
      [ROWS]: ["sourceTask", ...ROW_OPTIONS, "columns", "sheet", "reportId", "encoding"],
      "What is planned:": [
        ...(["dryRun", "offline", "verify", "only", "limit", "maxChanges", "adopt", "recreate"] as const),
        ...(["resume", "savePlan", "plan", "planDigest", "detailedExitCode"] as const),
      ],
      [EXCEPTIONS]: [...ALLOWED, "allowLiveSource", "newLog", "apps"],
      ...CONNECTION,
      "How it is carried out:": ["concurrency", "settleMs", "maxFailures"],
      [LOG]: ["idempotencyLog", "lockTimeoutMs", "breakLock", "rebind", "signHead"],
      [OUTPUT]: ["format", "files"],
    }),
    examples: [
      ["sync customers.csv --dry-run", "what would be done"],
      ["sync customers.csv", "do it; run it again to go on after a break"],
      ["sync customers.csv --only acme --verify", "one tenant, read back"],
      ["sync customers.csv --dry-run --save-plan plan.json --out plan.html", "a plan to be reviewed"],
      ["sync --plan plan.json --out result.xml", "carry out exactly that plan"],
    ],
  },
  {
    name: "drift",
    group: JOB,
    summary: "what the server shows otherwise than the manifest wants; reads only",
    description:
      "Reads every copy and tells what is not as the manifest wants: sync --dry-run --verify --detailed-exitcode by one word. " +
      "Exit 0: nothing; exit 10: something. Without a manifest it takes that of the log's last sync, with that sync's options.",
    arguments: [MANIFEST],
    options: options({
      [ROWS]: ["sourceTask", ...ROW_OPTIONS, "columns", "sheet", "reportId", "encoding"],
      "What is looked at:": ["only"],
      [EXCEPTIONS]: [...ALLOWED, "allowLiveSource", "newLog", "apps"],
      ...CONNECTION,
      "How it is carried out:": ["concurrency"],
      [LOG]: ["idempotencyLog"],
      [OUTPUT]: ["format", "files"],
    }),
    examples: [
      ["drift customers.csv", "for people"],
      ["drift customers.csv --out drift.md --quiet", "for a nightly job: exit 10 where something drifted"],
    ],
  },
  {
    name: "validate",
    group: JOB,
    summary: "check the manifest alone; no network",
    description:
      "Checks the manifest alone and tells every fault in one go, with file, line and column. Needs no network.",
    arguments: [{ ...MANIFEST, required: true }],
    options: options({
      [ROWS]: ["sourceTaskId", ...ROW_OPTIONS, "columns", "sheet", "encoding"],
      [EXCEPTIONS]: [...ALLOWED, "apps"],
      [OUTPUT]: ["format", "files"],
    }),
    examples: [
      ["validate customers.csv", "all faults in one go"],
      ["validate customers.csv --apps apps.json", "and no app that does not exist"],
    ],
  },
  {
    name: "status",
    group: JOB,
    summary: "what the log knows, tenant by tenant; no network",
    description:
      "Tells what the idempotency log knows, tenant by tenant, and the log's head. Needs no network and no key. " +
      "Without a manifest and without --idempotency-log it takes the only *.idempotency.jsonl of this folder.",
    arguments: [MANIFEST],
    options: options({
      [ROWS]: ["sourceTaskId", "columns", "sheet", "encoding"],
      [LOG]: LOG_OPTIONS,
      [OUTPUT]: ["answerFormat", "files"],
    }),
    examples: [
      ["status customers.csv", "the log beside that manifest"],
      ["status customers.csv --out status.html", "the same as a page"],
      ["status --format json", "for scripts"],
    ],
  },
  {
    name: "resolve",
    group: LEFT,
    summary: "settle a tenant by hand, in the log",
    description:
      "Settles tenants by hand. Writes to the log only, never to the server. One of --task-id, --retry and --forget says how.",
    arguments: [
      {
        name: "TENANT",
        description: "the tenant's key; several with --retry and --forget",
        required: true,
        variadic: true,
      },
    ],
    options: options({
      "How it is settled:": ["taskId", "from", "retry", "forget", "sourceTaskId", "reason"],
      [LOG]: ["manifest", "idempotencyLog", "lockTimeoutMs", "breakLock", "signHead"],
      ...CONNECTION,
      [OUTPUT]: ["answerFormat"],
    }),
    examples: [
      [
        "resolve acme --task-id 5f0c6a1e-0000-4000-8000-000000000001 --manifest customers.csv",
        "that task is acme's copy",
      ],
      ["resolve acme globex --retry --manifest customers.csv", "let the next sync create them once more"],
      ["resolve initech --forget --reason 'left in May' --manifest customers.csv", "a customer who left"],
    ],
  },
  {
    name: "doctor",
    group: LEFT,
    summary: "check server, key, list, source task, log and lock; reads only",
    description:
      "Reads only: server, key, list, source task and reports, manifest, log, lock. Takes what sync takes and ends with the exit code " +
      "that sync would end with before its first write.",
    arguments: [MANIFEST],
    options: options({
      [ROWS]: ["sourceTask", ...ROW_OPTIONS, "columns", "sheet", "encoding"],
      [EXCEPTIONS]: [...ALLOWED, "allowLiveSource", "newLog", "apps"],
      ...CONNECTION,
      [LOG]: ["idempotencyLog"],
      [OUTPUT]: ["answerFormat"],
    }),
    examples: [
      ["doctor customers.csv", "one line for each thing, and what to do"],
      ["doctor --server https://reports.example.com --api-key-file key.txt", "the server and the key alone"],
    ],
  },
  {
    name: "log verify",
    group: AUDIT,
    summary: "whether a log is whole, and holds a head that was noted once",
    description:
      "Walks the log's chain. With --head it tells whether that head is in this log, and how many records ago; exit 6 where it is not.",
    arguments: [],
    options: options({ [LOG]: [...LOG_OPTIONS, "heads", "signature"], [OUTPUT]: ["answerFormat"] }),
    examples: [
      ["log verify --idempotency-log customers.csv.idempotency.jsonl", "is it whole"],
      [
        "log verify --head 812:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "is the head of last month's result still in it",
      ],
      [
        "log verify --signature 'ssh-keygen -Y verify -f signers -I ci -n log-head -s \"$QALYPTUS_SIGNATURE\"'",
        "is its last signature good",
      ],
    ],
  },
  {
    name: "log history",
    group: AUDIT,
    summary: "each record of a tenant, or each run: when, by whom, from which app to which",
    description:
      "Tells each record of the tenants that are named, or each run: when, in which run, by whom, from which app to which, and what " +
      "was refused. Needs no network and no key.",
    arguments: [{ name: "TENANT", description: "the tenant's key; none: every run", variadic: true }],
    options: options({ [LOG]: LOG_OPTIONS, [OUTPUT]: ["answerFormat"] }),
    examples: [
      ["log history", "every run"],
      ["log history acme", "all that ever happened to acme"],
    ],
  },
  {
    name: "log copy",
    group: AUDIT,
    summary: "copy a log to another place, and close the old one",
    description:
      "Copies a log byte for byte to an empty place (a file, or PostgreSQL), then closes the old one with a record that names the new. " +
      "Both are locked meanwhile. Cut short, it may be run again.",
    arguments: [
      { name: "FROM", description: "the log: a file, or postgres://…", required: true, file: true },
      { name: "TO", description: "the new place", required: true, file: true },
    ],
    options: options({ [LOG]: ["caFiles", "lockTimeoutMs"], [OUTPUT]: ["answerFormat"] }),
    examples: [
      [
        "log copy customers.csv.idempotency.jsonl 'postgres://ci@db.example.com/qalyptus?log=customers'",
        "into PostgreSQL",
      ],
    ],
  },
  {
    name: "log init",
    group: AUDIT,
    summary: "make the tables of logs in PostgreSQL, or print their SQL",
    description:
      "Makes the tables and the three roles (owner, runner, auditor) of logs in a PostgreSQL, once; or prints what a database " +
      "administrator runs. Run again it changes nothing.",
    arguments: [{ name: "URL", description: "postgres://USER@HOST:PORT/DATABASE?log=NAME" }],
    options: options({ [LOG]: ["caFiles", "printSql"], [OUTPUT]: ["answerFormat"] }),
    examples: [
      ["log init 'postgres://postgres@db.example.com/qalyptus?log=customers'", "make them"],
      ["log init --print-sql > qalyptus.sql", "for a database administrator"],
    ],
  },
  {
    name: "init",
    group: "To begin:",
    summary: "write a first manifest from the server and a list of apps",
    description:
      "Writes a first manifest from the server's tasks and reports and a list of apps, as `qlik app ls --json`, the QRS API or " +
      "PowerShell's Export-Csv write it.",
    arguments: [{ ...MANIFEST, description: "the manifest to write; else standard output" }],
    options: options(
      {
        "What goes into it:": ["sourceTask", "masterApp", "apps", "pattern"],
        ...CONNECTION,
        [OUTPUT]: ["manifestFile", "manifestFormat", "force"],
      },
      {
        sourceTask: "the task to duplicate, by its ID or its name; without it the tasks are told",
        masterApp: "the app that the reports were made with; it becomes no tenant",
        apps: "the list of apps: ID and name of each",
      },
    ),
    examples: [
      [
        "init customers.csv --source-task 'Monthly Report' --apps apps.json --pattern 'Sales - {tenant}'",
        "one row for each app that fits the pattern",
      ],
    ],
  },
  {
    name: "sandbox",
    group: TRY,
    summary: "a local stand-in for a Qalyptus server",
    description:
      "Starts a local stand-in for a Qalyptus server, stateful and strict, on loopback, and prints the lines that run sync against it. " +
      "Ctrl-C ends it.",
    arguments: [],
    options: options(
      {
        "What it knows:": [
          "manifest",
          "sourceTaskId",
          ...ROW_OPTIONS,
          "columns",
          "sheet",
          "encoding",
          "allowSharedApp",
          "allowMasterApp",
        ],
        [SERVER]: ["port", "sandboxKey", "latencyMs", "state"],
        "What goes wrong:": ["chaos", "faults", "seed"],
      },
      { manifest: "know this manifest's source tasks, reports and apps, so that it can be rehearsed" },
    ),
    examples: [
      ["sandbox", "then paste the line that it prints"],
      ["sandbox --manifest customers.csv --fault hang,times=1", "rehearse your own manifest"],
      ["sandbox --chaos 0.2 --seed 7 --state sandbox.json", "rehearse bad days"],
    ],
  },
  {
    name: "demo",
    group: TRY,
    summary: "the main job, end to end, on the sandbox; needs nothing",
    description:
      "Shows the main job from end to end on the sandbox: no server, no key, no arguments. Takes less than a minute.",
    arguments: [],
    options: options({ "The demo:": ["keep"] }),
    examples: [["demo", "dry run, a sync that is killed, the resumed sync, the proof"]],
  },
  {
    name: "schema",
    group: EDITORS,
    summary: "the JSON Schema of manifests",
    description: "Prints the JSON Schema of JSON manifests: editors complete and check with it.",
    arguments: [],
    options: options({}),
    examples: [["schema > manifest.schema.json", 'then "$schema": "./manifest.schema.json" in the manifest']],
  },
  {
    name: "completion",
    group: EDITORS,
    summary: "completion for bash, zsh, fish and PowerShell",
    description: "Prints a script that teaches a shell this program's commands, options and values.",
    arguments: [
      { name: "SHELL", description: "the shell", required: true, choices: SHELLS },
      { name: "WORD", description: "of a line, to its cursor, behind --: tells what may stand there", variadic: true },
    ],
    options: options({}),
    examples: [
      ["completion bash >> ~/.bash_completion", "bash"],
      ['completion zsh > "$' + '{fpath[1]}/_qalyptus-propagate"', "zsh"],
      ["completion fish > ~/.config/fish/completions/qalyptus-propagate.fish", "fish"],
      ["completion powershell | Out-String | Invoke-Expression", "PowerShell, in $PROFILE"],
    ],
  },
];

/** The command of that name. */
export function findCommand(name: string | undefined): CommandSpec | undefined {
  return COMMANDS.find((spec) => spec.name === name);
}
