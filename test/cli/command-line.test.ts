import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CommandLine, readCommandLine } from "../../src/cli/command-line.js";
import { COMMANDS } from "../../src/cli/command-table.js";
import { helpText, plainQuestion } from "../../src/cli/help.js";

const ENV = { QALYPTUS_SERVER: "https://reports.example", QALYPTUS_API_KEY: "key-of-the-environment" };

function read(line: string | readonly string[], env: Readonly<Record<string, string>> = ENV): CommandLine {
  const argv = typeof line === "string" ? line.split(" ").filter(Boolean) : line;
  return readCommandLine(argv, { env, argv0: "qalyptus-propagate" });
}

function refusal(line: string | readonly string[], env?: Readonly<Record<string, string>>) {
  const outcome = read(line, env);
  if (outcome.kind !== "refused") throw new Error(`not refused: ${outcome.kind}`);
  return outcome;
}

function help(line: string): string {
  const outcome = read(line);
  if (outcome.kind !== "help") throw new Error(`${line}: ${outcome.kind}`);
  return helpText(outcome.command, undefined);
}

function settingsOf(line: string | readonly string[], env?: Readonly<Record<string, string>>) {
  const outcome = read(line, env);
  if (outcome.kind !== "run") throw new Error(`not run: ${JSON.stringify(outcome)}`);
  return outcome.invocation.settings;
}

const codes = (line: string | readonly string[]): readonly string[] => refusal(line).problems.map(({ code }) => code);

describe("help and version", () => {
  it("nothing typed is a question for help", () => {
    expect(read("")).toMatchObject({ kind: "help", command: undefined });
  });

  it.each(["--help", "-h", "help"])("%s lists every command with one line", (word) => {
    const text = help(word);
    for (const { name, summary } of COMMANDS)
      expect(text).toMatch(new RegExp(`^ {2}${name} +${summary.slice(0, 20)}`, "m"));
  });

  it.each(COMMANDS)("help on $name shows every option under its heading, with an example", (command) => {
    for (const line of [
      `${command.name} --help`,
      `${command.name} -h`,
      `help ${command.name}`,
      `--help ${command.name}`,
    ]) {
      expect(read(line)).toEqual({ kind: "help", command: command.name });
      const text = help(line);
      for (const option of command.options) {
        const term = [option.short, option.long].filter(Boolean).join(", ");
        expect(text).toContain(`\n  ${term}${option.value === undefined ? "" : ` ${option.value}`}`);
        expect(text).toContain(`\n${option.group}\n`);
      }
      expect(text).toContain(`\nExamples:\n  # ${command.examples[0]?.[1]}\n  qalyptus-propagate ${command.name}`);
    }
  });

  it("help says what is done where an option is not given", () => {
    const text = help("sync --help").replace(/\s+/g, " ");
    for (const said of [
      "default: 60s",
      "default: the greater of --timeout and 15s",
      "default: row",
      "else QALYPTUS_SERVER",
    ])
      expect(text).toContain(said);
  });

  it("help wins over what else is wrong with the line, also in a group of short options", () => {
    expect(read("sync --dryrun --help")).toMatchObject({ kind: "help", command: "sync" });
    expect(read("sync -nh")).toMatchObject({ kind: "help", command: "sync" });
  });

  it("help that is answered without the parser is help to the parser too", () => {
    const words = ["--help", "-h", "-nh", "-V", "--only", "acme", "--settle=5s", "--bogus", "-x", "--", "a.csv", "-5"];
    const line = fc.array(fc.constantFrom(...words), { maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(...COMMANDS), line, (command, rest) => {
        const asked = plainQuestion([command.name, ...rest]);
        if (asked !== undefined) expect(read([command.name, ...rest])).toEqual(asked);
      }),
    );
  });

  it.each(["-V", "--version", "version", ...COMMANDS.flatMap(({ name }) => [`${name} -V`, `-V ${name}`])])(
    "%s is the version",
    (line) => {
      expect(read(line)).toEqual({ kind: "version" });
    },
  );

  it("every example in help is a command line that is accepted", () => {
    for (const { name, examples } of COMMANDS)
      for (const [command] of examples) {
        const words = [...command.replace(/ (?:>|>>|\|) .*$/, "").matchAll(/'([^']*)'|(\S+)/g)].map(
          (match) => match[1] ?? match[2] ?? "",
        );
        expect(words.join(" ").startsWith(name), command).toBe(true);
        expect(read(words), command).toMatchObject({ kind: "run" });
      }
  });
});

describe("where options stand", () => {
  it("an option may stand before its command", () => {
    expect(settingsOf("--no-color -q --format json sync customers.csv")).toEqual(
      settingsOf("sync customers.csv --no-color -q --format json"),
    );
  });

  it("an option's value may follow a blank or an equals sign", () => {
    expect(settingsOf("sync customers.csv --limit=3")).toEqual(settingsOf("sync customers.csv --limit 3"));
  });

  it("short options may stand in one word", () => {
    expect(settingsOf("sync customers.csv -nq")).toEqual(settingsOf("sync customers.csv --dry-run --quiet"));
  });

  it("after -- everything is an argument", () => {
    expect(settingsOf("sync -n -- --odd.csv")).toMatchObject({ manifest: "--odd.csv" });
  });

  it("a value that looks like a flag is refused, unless it is tied to its option", () => {
    expect(codes("sync customers.csv --name --dry-run")).toEqual(["OPTION_WITHOUT_VALUE"]);
    expect(codes("sync customers.csv --only -n")).toEqual(["OPTION_WITHOUT_VALUE"]);
    expect(codes("sync customers.csv --out")).toEqual(["OPTION_WITHOUT_VALUE"]);
    expect(settingsOf("sync customers.csv --name=--dry-run")).toMatchObject({
      shape: { name: "--dry-run" },
      run: { dryRun: false },
    });
  });
});

describe("what is refused", () => {
  it.each([
    ["syncc customers.csv", "UNKNOWN_COMMAND", "Did you mean sync?"],
    ["sycn customers.csv", "UNKNOWN_COMMAND", "Did you mean sync?"],
    ["log verfy", "UNKNOWN_COMMAND", "Did you mean log verify?"],
    ["log", "UNKNOWN_COMMAND", "Did you mean log copy or log init or log verify or log history?"],
    ["stauts", "UNKNOWN_COMMAND", "Did you mean status?"],
    ["customers.csv", "UNKNOWN_COMMAND", "For a manifest: qalyptus-propagate sync customers.csv --dry-run"],
    ["sync customers.csv --dryrun", "UNKNOWN_OPTION", "Did you mean --dry-run?"],
    ["sync customers.csv --dry_run", "UNKNOWN_OPTION", "Did you mean --dry-run?"],
    ["sync customers.csv --max-change 3", "UNKNOWN_OPTION", "Did you mean --max-changes?"],
    ["--sever https://reports.example sync customers.csv", "UNKNOWN_OPTION", "Did you mean --server"],
    ["status --adopt", "UNKNOWN_OPTION", "It belongs to sync"],
    ["sync customers.csv --dry-run=false", "UNKNOWN_OPTION", "Write --dry-run alone"],
    ["sync a.csv b.csv", "EXCESS_ARGUMENT", "Quote"],
    ["demo now", "EXCESS_ARGUMENT", "Quote"],
    ["validate", "ARGUMENT_MISSING", undefined],
    ["completion", "ARGUMENT_MISSING", "bash, zsh, fish, powershell"],
    ["completion tcsh", "OPTION_VALUE", "bash, zsh, fish, powershell"],
    ["help synk", "UNKNOWN_COMMAND", "Did you mean sync?"],
    ["--quiet", "COMMAND_MISSING", "Commands: sync"],
    ["sync -", "MANIFEST_MISSING", "Name a file"],
  ])("%s: %s", (line, code, hint) => {
    const { problems, exitCode } = refusal(line);
    expect(problems.map((problem) => problem.code)).toEqual([code]);
    if (hint !== undefined) expect(problems[0]?.hint).toContain(hint);
    expect(exitCode).toBe(2);
  });

  it("says which help to read", () => {
    expect(refusal("sync --dryrun").after).toEqual(["See qalyptus-propagate sync --help"]);
    expect(refusal("synk").after).toEqual(["See qalyptus-propagate --help"]);
  });

  it("tells every wrong value of a line in one go", () => {
    const { problems } = refusal(
      "sync customers.csv --settle 30 --concurrency 0 --rate none --retries -1 --out a.txt --report 7",
    );
    expect(problems).toHaveLength(6);
    for (const flag of ["--settle", "--concurrency", "--rate", "--retries", "--out", "--report"])
      expect(problems.filter(({ message }) => message.startsWith(flag))).toHaveLength(1);
  });

  it("an empty value is no value", () => {
    expect(codes(["sync", "customers.csv", "--server", ""])).toEqual(["OPTION_VALUE"]);
    expect(codes(["sync", "customers.csv", "--only="])).toEqual(["OPTION_VALUE"]);
  });

  it("keeps what a refusal has to be told with: the format, the files, whether it was a dry run", () => {
    const { command, dryRun, output } = refusal(
      "sync customers.csv -n --format=ndjson --nonsense --out a.json --out b.txt --apps apps.csv -v --no-color",
    );
    expect({ command, dryRun, output }).toEqual({
      command: "sync",
      dryRun: true,
      output: {
        format: "ndjson",
        verbosity: "verbose",
        noColor: true,
        files: [{ path: "a.json", kind: "json" }],
        inputs: ["customers.csv", "apps.csv"],
        typed: expect.objectContaining({ command: "sync", operands: ["customers.csv"] }),
      },
    });
  });

  it("what init would write is no result file", () => {
    expect(refusal("init --nonsense --out customers.csv").output).toMatchObject({
      files: [],
      inputs: [],
    });
  });
});

describe("a key as an argument", () => {
  const KEY = "c2VjcmV0LWtleQ";

  it.each([
    ["--api-key", KEY],
    [`--api-key=${KEY}`],
    [`--apikey=${KEY}`],
    ["--api_key", KEY],
    ["--token", KEY],
    [`--key=${KEY}`],
    [`--qalyptus-api-key=${KEY}`],
    [`--api-keyfile=${KEY}`],
    [`-k${KEY}`],
    [`-k=${KEY}`],
  ])("%s is refused and not repeated", (...words) => {
    for (const argv of [
      ["sync", "customers.csv", ...words],
      [...words, "sync", "customers.csv"],
    ]) {
      const outcome = refusal(argv);
      expect(outcome.exitCode).toBe(2);
      expect(JSON.stringify([outcome.problems, outcome.after])).not.toContain(KEY);
    }
  });

  it("says where the key belongs", () => {
    const [problem] = refusal(`sync customers.csv --api-key ${KEY}`).problems;
    expect(problem?.code).toBe("KEY_AS_ARGUMENT");
    expect(problem?.hint).toContain("QALYPTUS_API_KEY");
  });
});

describe("any words at all", () => {
  const WORD = fc.oneof(
    fc.string(),
    fc.constantFrom(
      "--",
      "-",
      "",
      "help",
      ...COMMANDS.flatMap(({ name, options }) => [
        name,
        ...options.flatMap(({ long, short }) => (short ? [long, short] : [long])),
      ]),
    ),
  );

  it("end in help, a version, settings or a refusal with exit code 2, and never in an exception", () => {
    fc.assert(
      fc.property(fc.array(WORD, { maxLength: 8 }), (argv) => {
        const outcome = read(argv);
        if (outcome.kind !== "refused") return;
        expect(outcome.exitCode).toBe(2);
        expect(outcome.problems.length).toBeGreaterThan(0);
      }),
    );
  });
});
