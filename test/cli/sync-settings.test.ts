import { describe, expect, it } from "vitest";
import { readCommandLine } from "../../src/cli/command-line.js";
import { OPTIONS } from "../../src/commands/options.js";
import { type SettingsOf, SHAPING } from "../../src/commands/settings.js";

const ENV = { QALYPTUS_SERVER: "https://reports.example", QALYPTUS_API_KEY: "key-of-the-environment" };
const GUID = "11111111-1111-4111-8111-111111111111";

function read(line: string, env: Readonly<Record<string, string>> = ENV) {
  return readCommandLine(["sync", ...line.split(" ").filter(Boolean)], { env, argv0: "p" });
}

function settingsOf(line: string, env?: Readonly<Record<string, string>>): SettingsOf["sync"] {
  const outcome = read(line, env);
  if (outcome.kind !== "run" || outcome.invocation.command !== "sync") throw new Error(JSON.stringify(outcome));
  return outcome.invocation.settings;
}

function problemsOf(line: string, env?: Readonly<Record<string, string>>) {
  const outcome = read(line, env);
  if (outcome.kind !== "refused") throw new Error(`not refused: ${line}`);
  expect(outcome.exitCode).toBe(2);
  return outcome.problems;
}

describe("a sync that is given its manifest alone", () => {
  it("has the contract's defaults", () => {
    expect(settingsOf("customers.csv")).toMatchObject({
      manifest: "customers.csv",
      encoding: undefined,
      idempotencyLog: undefined,
      connection: {
        server: { text: "https://reports.example", from: "QALYPTUS_SERVER" },
        apiKey: { kind: "variable", name: "QALYPTUS_API_KEY", text: "key-of-the-environment" },
        caFiles: [],
        insecure: false,
        timeoutMs: 60_000,
        retries: 4,
        rate: undefined,
      },
      shape: {
        sourceTask: undefined,
        masterApp: undefined,
        reports: [],
        reportId: "row",
        name: undefined,
        adopt: false,
        recreate: false,
        only: [],
        limit: undefined,
        allowSharedApp: [],
        allowMasterApp: [],
        allowUnmappedReport: [],
        allowLiveSource: false,
      },
      run: {
        dryRun: false,
        offline: false,
        verify: false,
        newLog: false,
        settleMs: 60_000,
        timeoutMs: 60_000,
        concurrency: 8,
        retries: 4,
        maxFailures: undefined,
        maxChanges: undefined,
        detailedExitCode: false,
      },
      resume: false,
      plan: undefined,
      savePlan: undefined,
      apps: undefined,
      breakLock: undefined,
      rebind: false,
      output: { format: "human", verbosity: "normal", noColor: false, files: [], inputs: ["customers.csv"] },
      warnings: [],
    });
  });
});

describe("how long a write is waited for", () => {
  it.each([
    ["", 60_000],
    ["--timeout 2m", 120_000],
    ["--timeout 500ms", 15_000],
    ["--settle 20s", 20_000],
    ["--settle 1.5m --timeout 5s", 90_000],
  ])("customers.csv %s: --settle is %i ms", (options, settleMs) => {
    expect(settingsOf(`customers.csv ${options}`)).toMatchObject({ run: { settleMs }, warnings: [] });
  });

  it.each(["0s", "2s", "14999ms"])("--settle %s is taken, with a warning", (duration) => {
    const { warnings } = settingsOf(`customers.csv --settle ${duration}`);
    expect(warnings.map(({ code }) => code)).toEqual(["SETTLE_SHORT"]);
  });

  it.each(["30", "30 s ago", "s", "-5s", "1h", "1e3s", "99999m"])("--settle=%s is refused", (text) => {
    const outcome = readCommandLine(["sync", "customers.csv", `--settle=${text}`], {
      env: ENV,
      argv0: "p",
    });
    expect(outcome).toMatchObject({ kind: "refused", exitCode: 2, problems: [{ code: "OPTION_VALUE" }] });
  });

  it("names the forms of a duration where the unit is missing", () => {
    expect(problemsOf("customers.csv --timeout 30")[0]?.hint).toContain(
      "--timeout 500ms, --timeout 30s or --timeout 2m",
    );
  });

  it("a request that may take no time at all is refused", () => {
    expect(problemsOf("customers.csv --timeout 0s")[0]?.code).toBe("OPTION_VALUE");
  });
});

describe("numbers have their range", () => {
  it.each([
    "--concurrency 0",
    "--concurrency 257",
    "--concurrency 8.5",
    "--concurrency 0x10",
    "--limit -1",
    "--limit many",
    "--limit 99999999999999999999",
    "--max-failures 0",
    "--max-changes -1",
    "--retries -1",
    "--rate 0",
    "--rate -1",
    "--rate Infinity",
    "--rate 1e3",
  ])("%s is refused", (option) => {
    const [problem, ...others] = problemsOf(`customers.csv ${option}`);
    expect(problem).toMatchObject({ code: "OPTION_VALUE", value: option.split(" ")[1] });
    expect(others).toEqual([]);
  });
});

describe("server and key", () => {
  it("a flag wins over the environment", () => {
    expect(settingsOf("customers.csv --server other:3994 --api-key-file key.txt").connection).toMatchObject({
      server: { text: "other:3994", from: "--server" },
      apiKey: { kind: "file", path: "key.txt" },
    });
  });

  it("a key file called - is standard input", () => {
    expect(settingsOf("customers.csv --api-key-file -").connection?.apiKey).toEqual({ kind: "file", path: "-" });
  });

  it("both missing are told together, and an empty variable is a missing one", () => {
    const missing = ["SERVER_MISSING", "API_KEY_MISSING"];
    expect(problemsOf("customers.csv", {}).map(({ code }) => code)).toEqual(missing);
    const empty = { QALYPTUS_SERVER: " ", QALYPTUS_API_KEY: "" };
    expect(problemsOf("customers.csv -n", empty).map(({ code }) => code)).toEqual(missing);
  });

  it("an offline dry run needs neither", () => {
    expect(settingsOf("customers.csv --dry-run --offline", {}).connection).toBeUndefined();
  });

  it("an offline dry run has its options checked all the same", () => {
    expect(problemsOf("customers.csv -n --offline --rate fast", {}).map(({ code }) => code)).toEqual(["OPTION_VALUE"]);
  });
});

describe("going on with an earlier run", () => {
  const VALUES: Readonly<Record<string, string>> = {
    "--report-id": "report",
    "--name": "{tenant}",
    "--only": "acme",
    "--limit": "1",
    "--column": "tenant=Kunde",
    "--sheet": "Kunden",
    "--allow-master-app": "acme",
  };
  const shaping = SHAPING.map((key) => OPTIONS[key]).map((option) => ({
    flag: option.long,
    words: option.value !== undefined ? `${option.long} ${VALUES[option.long] ?? GUID}` : option.long,
  }));

  it("the contract's options shape the plan", () => {
    expect(shaping.map(({ flag }) => flag).sort()).toEqual(
      [
        "--source-task --master-app --report --column --sheet --report-id --name --adopt --recreate --only --limit",
        "--allow-shared-app --allow-master-app --allow-unmapped-report --allow-live-source",
      ]
        .join(" ")
        .split(" ")
        .sort(),
    );
  });

  it.each(shaping)("$flag is refused with --resume and with --plan, and kept as given otherwise", ({ flag, words }) => {
    for (const earlier of ["--resume", "--plan plan.json"]) {
      const [problem, ...others] = problemsOf(`${earlier} ${words}`);
      expect(problem?.code).toBe("OPTIONS_CONFLICT");
      expect(problem?.message).toContain(flag);
      expect(others).toEqual([]);
    }
    expect(settingsOf(`customers.csv ${words}`).manifest).toBe("customers.csv");
  });

  it("names all of several in one sentence", () => {
    expect(problemsOf("--resume --only acme --limit 2 --adopt")[0]?.message).toContain("--adopt, --only, --limit");
  });

  it.each(["--resume", "--plan plan.json"])("%s knows its manifest, and leaves all other options free", (earlier) => {
    expect(settingsOf(earlier).manifest).toBeUndefined();
    expect(
      settingsOf(
        `${earlier} customers.csv --concurrency 2 --settle 20s --max-changes 5 --verify --out a.xml --new-log -n`,
      ),
    ).toMatchObject({ manifest: "customers.csv", run: { concurrency: 2, maxChanges: 5 } });
  });

  it("a sync of nothing is refused", () => {
    expect(problemsOf("").map(({ code }) => code)).toEqual(["MANIFEST_MISSING"]);
  });
});

describe("options that contradict each other", () => {
  it.each([
    "--resume --plan plan.json",
    "customers.csv --offline",
    "customers.csv -n --offline --verify",
    "-n --offline --plan plan.json",
    "customers.csv -n --offline --rebind",
    "customers.csv --save-plan plan.json",
    "customers.csv -n --offline --save-plan plan.json",
    "-n --plan old.json --save-plan new.json",
    "customers.csv -n --break-lock 7f3a",
    "customers.csv -q -v",
  ])("%s", (line) => {
    const problems = problemsOf(line);
    expect(problems.map(({ code }) => code)).toEqual(["OPTIONS_CONFLICT"]);
    expect(problems[0]?.hint).toBeTruthy();
  });
});

describe("result files", () => {
  it.each(["a.txt", "a", "a.json.gz", ".json/a", "a.xlsx"])("--out %s is refused", (path) => {
    expect(problemsOf(`customers.csv --out ${path}`).map(({ code }) => code)).toEqual(["OUT_ENDING"]);
  });

  it("every ending of the contract is taken, each file once", () => {
    const words = ["a.json", "a.csv", "a.md", "a.HTML", "a.xml", "a.json"].map((path) => `--out ${path}`);
    expect(settingsOf(`customers.csv ${words.join(" ")}`).output.files.map(({ kind }) => kind)).toEqual([
      "json",
      "csv",
      "md",
      "html",
      "xml",
    ]);
  });
});
