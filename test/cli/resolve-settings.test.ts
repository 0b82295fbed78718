import { describe, expect, it } from "vitest";
import { readCommandLine } from "../../src/cli/command-line.js";

const ENV = { QALYPTUS_SERVER: "https://reports.example", QALYPTUS_API_KEY: "key-of-the-environment" };
const TASK = "11111111-1111-4111-8111-111111111111";

function read(words: readonly string[], env: Readonly<Record<string, string>> = ENV) {
  return readCommandLine(["resolve", ...words], { env, argv0: "p" });
}

function codesOf(words: readonly string[], env?: Readonly<Record<string, string>>): readonly string[] {
  const outcome = read(words, env);
  return outcome.kind === "refused" ? outcome.problems.map(({ code }) => code) : [];
}

function resolutionOf(words: readonly string[], env?: Readonly<Record<string, string>>) {
  const outcome = read(words, env);
  if (outcome.kind !== "run" || outcome.invocation.command !== "resolve") throw new Error(JSON.stringify(outcome));
  return outcome.invocation.settings.resolution;
}

describe("resolve", () => {
  it("takes over a task for one tenant, also from another tenant", () => {
    expect(resolutionOf(["Acme Ltd", "--task-id", TASK, "--from", "Old Acme"])).toMatchObject({
      kind: "task",
      tenant: "Acme Ltd",
      taskId: TASK,
      from: "Old Acme",
      connection: { server: { text: "https://reports.example" } },
    });
  });

  it("lets go of several tenants, each once, and needs no server for it", () => {
    expect(resolutionOf(["acme", "globex", "acme", "--forget"], {})).toEqual({
      kind: "forget",
      tenants: ["acme", "globex"],
    });
    expect(resolutionOf(["acme", "--retry"], {})).toEqual({ kind: "retry", tenants: ["acme"] });
  });

  it.each([
    { words: ["acme"], codes: ["OPTION_MISSING"] },
    { words: ["--retry"], codes: ["ARGUMENT_MISSING"] },
    { words: ["acme", "--retry", "--forget"], codes: ["OPTIONS_CONFLICT"] },
    { words: ["acme", "--forget", "--from", "globex"], codes: ["OPTIONS_CONFLICT"] },
    { words: ["acme", "globex", "--task-id", TASK], codes: ["OPTIONS_CONFLICT"] },
    { words: ["acme", "--task-id", "the new one"], codes: ["OPTION_VALUE"] },
    { words: ["", "--retry"], codes: ["ARGUMENT_MISSING"] },
    { words: ["\u200e", "--retry"], codes: ["ARGUMENT_MISSING"] },
    { words: ["\ufe0f", "--retry"], codes: ["ARGUMENT_MISSING"] },
  ])("refuses $words", ({ words, codes }) => {
    expect(codesOf(words)).toEqual(codes);
  });

  it("takes a key without the marks that nobody sees and that were copied along", () => {
    expect(resolutionOf(["\u200eacme\u200b", "acme", "--retry"], {})).toEqual({ kind: "retry", tenants: ["acme"] });
  });

  it("reads the task, so it needs the server and the key", () => {
    expect(codesOf(["acme", "--task-id", TASK], {})).toEqual(["SERVER_MISSING", "API_KEY_MISSING"]);
  });
});

describe("init", () => {
  const init = (words: readonly string[]) => readCommandLine(["init", ...words], { env: ENV, argv0: "p" });

  it.each([
    { words: [], file: undefined, manifestFormat: "csv" },
    { words: ["new.json"], file: "new.json", manifestFormat: "json" },
    { words: ["--out", "new.CSV"], file: "new.CSV", manifestFormat: "csv" },
    { words: ["new.txt", "--format", "json"], file: "new.txt", manifestFormat: "json" },
    { words: ["new.xlsx"], file: "new.xlsx", manifestFormat: "xlsx" },
    { words: ["-"], file: undefined, manifestFormat: "csv" },
  ])("$words writes $manifestFormat", ({ words, file, manifestFormat }) => {
    expect(init(words)).toMatchObject({ kind: "run", invocation: { settings: { file, manifestFormat } } });
  });

  it("refuses two files, and a pattern that does not say where the tenant is", () => {
    expect(init(["a.csv", "--out", "b.csv"])).toMatchObject({ problems: [{ code: "OPTIONS_CONFLICT" }] });
    expect(init(["--pattern", "Sales"])).toMatchObject({ problems: [{ code: "OPTION_VALUE" }] });
  });
});

describe("sandbox", () => {
  const sandbox = (words: string) => readCommandLine(["sandbox", ...words.split(" ")], { env: {}, argv0: "p" });

  it.each([
    ["--latency 20", 20],
    ["--latency 20ms", 20],
    ["--latency 1.5s", 1500],
  ])("%s is %i ms", (words, latencyMs) => {
    expect(sandbox(words)).toMatchObject({ kind: "run", invocation: { settings: { latencyMs } } });
  });

  it.each(["--latency soon", "--latency 11m", "--chaos 1.1", "--chaos x", "--port 65536", "--seed -1"])(
    "refuses %s",
    (words) => {
      expect(sandbox(words)).toMatchObject({ kind: "refused", exitCode: 2, problems: [{ code: "OPTION_VALUE" }] });
    },
  );
});
