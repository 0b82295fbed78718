import {
  answer,
  CONNECTION,
  EVERYWHERE,
  EXCEPTIONS,
  FORMAT_OF_ONE_ANSWER,
  HEADING,
  MANIFEST,
  ROW_DEFAULTS,
} from "./option-groups.js";
import type { CommandName, CommandSpec } from "./option-spec.js";
import { grouped, OPTIONS } from "./option-table.js";

/** The program's name, as everything that is typed says it. */
export const PROGRAM = "qalyptus-propagate";

const SYNC: CommandSpec = {
  name: "sync",
  group: "The job:",
  summary: "make the server match the manifest",
  description:
    "Makes the server match the manifest: every tenant gets one copy of the source task, whose reports read the tenant's own app. " +
    "Safe to repeat: what is done already is left alone.",
  arguments: [{ ...MANIFEST, required: false }],
  options: [
    ...grouped(HEADING.manifest, [...ROW_DEFAULTS, OPTIONS.reportId, OPTIONS.encoding]),
    ...grouped(HEADING.plan, [
      OPTIONS.dryRun,
      OPTIONS.offline,
      OPTIONS.verify,
      OPTIONS.only,
      OPTIONS.limit,
      OPTIONS.maxChanges,
      OPTIONS.adopt,
      OPTIONS.recreate,
      OPTIONS.resume,
      OPTIONS.savePlan,
      OPTIONS.plan,
      OPTIONS.detailedExitcode,
    ]),
    ...grouped(HEADING.exceptions, [...EXCEPTIONS, OPTIONS.allowLiveSource, OPTIONS.newLog, OPTIONS.apps]),
    ...grouped(HEADING.connection, CONNECTION),
    ...grouped(HEADING.writing, [OPTIONS.concurrency, OPTIONS.settle, OPTIONS.maxFailures]),
    ...grouped(HEADING.log, [OPTIONS.idempotencyLog, OPTIONS.breakLock, OPTIONS.rebind]),
    ...answer(OPTIONS.format, OPTIONS.out),
    ...EVERYWHERE,
  ],
  examples: [
    { command: "sync customers.csv --dry-run", note: "what would be done" },
    { command: "sync customers.csv", note: "do it; run it again to go on after a break" },
    { command: "sync customers.csv --only acme --verify", note: "one tenant, read back" },
    { command: "sync customers.csv --dry-run --save-plan plan.json --out plan.html", note: "a plan to be reviewed" },
    { command: "sync --plan plan.json --out result.xml", note: "carry out exactly that plan" },
  ],
};

const VALIDATE: CommandSpec = {
  name: "validate",
  group: "The job:",
  summary: "check the manifest alone; no network",
  description:
    "Checks the manifest alone and tells every fault in one go, with file, line and column. Needs no network.",
  arguments: [{ ...MANIFEST, required: true }],
  options: [
    ...grouped(HEADING.manifest, [...ROW_DEFAULTS, OPTIONS.encoding]),
    ...grouped(HEADING.exceptions, [...EXCEPTIONS, OPTIONS.apps]),
    ...answer(OPTIONS.format, OPTIONS.out),
    ...EVERYWHERE,
  ],
  examples: [
    { command: "validate customers.csv", note: "all faults in one go" },
    { command: "validate customers.csv --apps apps.json", note: "and no app that does not exist" },
  ],
};

const STATUS: CommandSpec = {
  name: "status",
  group: "The job:",
  summary: "what the log knows, tenant by tenant; no network",
  description:
    "Tells what the idempotency log knows, tenant by tenant, and the log's head. Needs no network and no key. " +
    "Without a manifest and without --idempotency-log it takes the only *.idempotency.jsonl of this folder.",
  arguments: [{ ...MANIFEST, required: false }],
  options: [
    ...grouped(HEADING.manifest, [OPTIONS.sourceTask, OPTIONS.encoding]),
    ...grouped(HEADING.log, [OPTIONS.idempotencyLog]),
    ...answer(FORMAT_OF_ONE_ANSWER),
    ...EVERYWHERE,
  ],
  examples: [
    { command: "status customers.csv", note: "the log beside that manifest" },
    { command: "status --format json", note: "for scripts" },
  ],
};

const RESOLVE: CommandSpec = {
  name: "resolve",
  group: "When something is left:",
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
  options: [
    ...grouped("How it is settled:", [
      OPTIONS.taskId,
      OPTIONS.from,
      OPTIONS.retry,
      OPTIONS.forget,
      OPTIONS.sourceTask,
      OPTIONS.reason,
    ]),
    ...grouped(HEADING.log, [OPTIONS.manifest, OPTIONS.idempotencyLog, OPTIONS.breakLock]),
    ...grouped(HEADING.connection, CONNECTION),
    ...answer(FORMAT_OF_ONE_ANSWER),
    ...EVERYWHERE,
  ],
  examples: [
    {
      command: "resolve acme --task-id 5f0c6a1e-0000-4000-8000-000000000001 --manifest customers.csv",
      note: "that task is acme's copy",
    },
    {
      command: "resolve acme globex --retry --manifest customers.csv",
      note: "let the next sync create them once more",
    },
    {
      command: "resolve initech --forget --reason 'left in May' --manifest customers.csv",
      note: "a customer who left",
    },
  ],
};

const DOCTOR: CommandSpec = {
  name: "doctor",
  group: "When something is left:",
  summary: "check server, key, list, source task, log and lock; reads only",
  description:
    "Reads only: server, key, list, source task and reports, manifest, log, lock. Takes what sync takes and ends with the exit code " +
    "that sync would end with before its first write.",
  arguments: [{ ...MANIFEST, required: false }],
  options: [
    ...grouped(HEADING.manifest, [...ROW_DEFAULTS, OPTIONS.encoding]),
    ...grouped(HEADING.exceptions, [...EXCEPTIONS, OPTIONS.allowLiveSource, OPTIONS.newLog, OPTIONS.apps]),
    ...grouped(HEADING.connection, CONNECTION),
    ...grouped(HEADING.log, [OPTIONS.idempotencyLog]),
    ...answer(FORMAT_OF_ONE_ANSWER),
    ...EVERYWHERE,
  ],
  examples: [
    { command: "doctor customers.csv", note: "one line for each thing, and what to do" },
    {
      command: "doctor --server https://reports.example.com --api-key-file key.txt",
      note: "the server and the key alone",
    },
  ],
};

const INIT: CommandSpec = {
  name: "init",
  group: "To begin:",
  summary: "write a first manifest from the server and a list of apps",
  description:
    "Writes a first manifest from the server's tasks and reports and a list of apps, as `qlik app ls --json`, the QRS API or " +
    "PowerShell's Export-Csv write it.",
  arguments: [{ ...MANIFEST, description: "the manifest to write; else standard output", required: false }],
  options: [
    ...grouped("What goes into it:", [
      {
        ...OPTIONS.sourceTask,
        value: "GUID|NAME",
        description: "the task to duplicate, by its ID or its name; asked for on a terminal",
      },
      { ...OPTIONS.masterApp, description: "the app that the reports were made with; it becomes no tenant" },
      { ...OPTIONS.apps, description: "the list of apps: ID and name of each" },
      OPTIONS.pattern,
    ]),
    ...grouped(HEADING.connection, CONNECTION),
    ...grouped(HEADING.output, [
      { ...OPTIONS.out, repeatable: false, description: "the manifest to write, as the argument" },
      {
        ...OPTIONS.format,
        choices: ["csv", "json"],
        description: "the manifest's format",
        default: "by the file's ending, else csv",
      },
      OPTIONS.force,
    ]),
    ...EVERYWHERE,
  ],
  examples: [
    {
      command: "init customers.csv --source-task 'Monthly Report' --apps apps.json --pattern 'Sales - {tenant}'",
      note: "one row for each app that fits the pattern",
    },
  ],
};

const SANDBOX: CommandSpec = {
  name: "sandbox",
  group: "To try it:",
  summary: "a local stand-in for a Qalyptus server",
  description:
    "Starts a local stand-in for a Qalyptus server, stateful and strict, on loopback, and prints the lines that run sync against it. " +
    "Ctrl-C ends it.",
  arguments: [],
  options: [
    ...grouped("The server:", [OPTIONS.port, OPTIONS.latency, OPTIONS.state]),
    ...grouped("What goes wrong:", [OPTIONS.chaos, OPTIONS.fault, OPTIONS.seed]),
    ...EVERYWHERE,
  ],
  examples: [
    { command: "sandbox", note: "then paste the line that it prints" },
    { command: "sandbox --chaos 0.2 --seed 7 --state sandbox.json", note: "rehearse bad days" },
  ],
};

const DEMO: CommandSpec = {
  name: "demo",
  group: "To try it:",
  summary: "the main job, end to end, on the sandbox; needs nothing",
  description:
    "Shows the main job from end to end on the sandbox: no server, no key, no arguments. Takes less than a minute.",
  arguments: [],
  options: [...grouped("The demo:", [OPTIONS.keep]), ...EVERYWHERE],
  examples: [{ command: "demo", note: "dry run, a sync that is killed, the resumed sync, the proof" }],
};

const SCHEMA: CommandSpec = {
  name: "schema",
  group: "For editors and shells:",
  summary: "the JSON Schema of manifests",
  description: "Prints the JSON Schema of JSON manifests: editors complete and check with it.",
  arguments: [],
  options: EVERYWHERE,
  examples: [
    { command: "schema > manifest.schema.json", note: 'then "$schema": "./manifest.schema.json" in the manifest' },
  ],
};

const COMPLETION: CommandSpec = {
  name: "completion",
  group: "For editors and shells:",
  summary: "completion for bash, zsh, fish and PowerShell",
  description: "Prints a script that teaches a shell this program's commands, options and values.",
  arguments: [
    { name: "SHELL", description: "the shell", required: true, choices: ["bash", "zsh", "fish", "powershell"] },
  ],
  options: EVERYWHERE,
  examples: [
    { command: "completion bash >> ~/.bash_completion", note: "bash" },
    { command: 'completion zsh > "$' + '{fpath[1]}/_qalyptus-propagate"', note: "zsh" },
    { command: "completion fish > ~/.config/fish/completions/qalyptus-propagate.fish", note: "fish" },
    { command: "completion powershell | Out-String | Invoke-Expression", note: "PowerShell, in $PROFILE" },
  ],
};

/** Every command, in the order of help. Read by the program, by completion and by tests. */
export const COMMANDS: readonly CommandSpec[] = [
  SYNC,
  VALIDATE,
  STATUS,
  RESOLVE,
  DOCTOR,
  INIT,
  SANDBOX,
  DEMO,
  SCHEMA,
  COMPLETION,
];

/** The options that may stand without a command. */
export const PROGRAM_OPTIONS = grouped("Options:", [OPTIONS.help, OPTIONS.version]);

/** The command of that name. */
export function findCommand(name: string): CommandSpec | undefined {
  return COMMANDS.find((command) => command.name === name);
}

/** The command of a known name. */
export function commandSpec(name: CommandName): CommandSpec {
  const spec = findCommand(name);
  if (spec === undefined) throw new Error(`no command ${name} in the table`);
  return spec;
}
