import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type BuiltShell, buildShell } from "../support/built-shell.js";

const ENV = { QALYPTUS_SERVER: "https://reports.example", QALYPTUS_API_KEY: "key-of-the-environment" };

let shell: BuiltShell;

beforeAll(() => {
  // No csv-parse, ora, p-limit, undici or zod: what is tested here must do without.
  shell = buildShell(["chalk", "commander", "string-width"]);
});

afterEach(() => rmSync(join(shell.folder, "result.json"), { force: true }));

afterAll(() => shell.remove());

/** A program whose sync does this. */
function withSync(body: string): void {
  shell.handlers(`return { sync: async (settings) => { ${body} }};`);
}

const run = (args: readonly string[], env: Readonly<Record<string, string>> = ENV) => shell.start(args, env).ended;

describe("without any command", () => {
  it("the version and help need neither a command nor any package, not even commander", async () => {
    const bare = buildShell([]);
    try {
      bare.handlers(`throw new Error("commands are loaded");`);
      const { version } = JSON.parse(readFileSync(join(bare.folder, "package.json"), "utf8"));
      for (const args of [["-V"], ["--version"]])
        expect(await bare.start(args).ended).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: "" });
      for (const args of [[], ["sync", "--help"], ["help", "sync"]]) {
        const { code, stdout, stderr } = await bare.start(args).ended;
        expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
        expect(stdout).toMatch(/^Usage: qalyptus-propagate /);
      }
    } finally {
      bare.remove();
    }
  });

  it("a command's version and a group of short options need the parser alone", async () => {
    shell.handlers(`throw new Error("commands are loaded");`);
    expect((await run(["sync", "-V"])).stdout).toBe((await run(["-V"])).stdout);
    expect((await run(["sync", "-nh"])).stdout).toBe((await run(["sync", "--help"])).stdout);
  });

  it("the sandbox's help tells its faults", async () => {
    expect((await run(["sandbox", "--help"])).stdout).toMatch(/\nFaults:\n[\s\S]*cut-after/);
  });
});

describe("a command line that is refused", () => {
  it("is told to people on standard error, with the help to read; exit 2", async () => {
    const { code, stdout, stderr } = await run(["sync", "customers.csv", "--dryrun"]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain('error: there is no option "--dryrun"');
    expect(stderr).toContain("Did you mean --dry-run?");
    expect(stderr).toMatch(/^See .* sync --help$/m);
  });

  it("is told to scripts as the result of a run that could not start", async () => {
    const { code, stdout } = await run(["--format", "json", "sync", "customers.csv", "-n", "--dryrun"]);
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({
      version: 1,
      command: "sync",
      dryRun: true,
      tenants: [],
      summary: { create: 0, succeeded: 0 },
      errors: [{ code: "UNKNOWN_OPTION" }],
      exitCode: 2,
    });
    const lines = (await run(["sync", "--dryrun", "--format=ndjson"])).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ type: "summary", command: "sync", exitCode: 2 }]);
  });

  it("replaces the result files of the run before", async () => {
    writeFileSync(join(shell.folder, "result.xml"), "<of the run before>");
    await run(["sync", "customers.csv", "--dryrun", "--out", "result.xml"]);
    expect(readFileSync(join(shell.folder, "result.xml"), "utf8")).toMatch(/UNKNOWN_OPTION/);
  });

  it("is annotated on GitHub Actions", async () => {
    const { stderr } = await run(["sync", "customers.csv", "--dryrun"], { ...ENV, GITHUB_ACTIONS: "true" });
    expect(stderr).toMatch(/^::error /m);
  });
});

describe("a command", () => {
  it("gets its settings and the host, and its exit code is the program's", async () => {
    withSync(`
      await host.stdout.write(JSON.stringify({ settings, env: host.env.QALYPTUS_SERVER, tty: host.stdout.isTTY }));
      return 10;`);
    const { code, stdout } = await run(["sync", "customers.csv", "--limit", "1"]);
    expect(code).toBe(10);
    expect(JSON.parse(stdout)).toMatchObject({
      settings: { manifest: "customers.csv", shape: { limit: 1 } },
      env: ENV.QALYPTUS_SERVER,
      tty: false,
    });
  });

  it("has all of a large answer handed on before the program ends, though something keeps the loop alive", async () => {
    withSync(`
      setInterval(() => undefined, 1000);
      for (let line = 0; line < 20_000; line += 1) void host.stdout.write(line + " ".repeat(100) + "\\n");
      return 3;`);
    const { code, stdout } = await run(["sync", "customers.csv"]);
    expect([code, stdout.split("\n").length]).toEqual([3, 20_001]);
  });

  it("goes on where the reader of its answer has gone, and ends with its own code and no word", async () => {
    withSync(`
      for (let line = 0; line < 200; line += 1) {
        await host.stdout.write("x".repeat(10_000) + "\\n");
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await host.stderr.write("closed: " + host.stdout.isClosed() + "\\n");
      return 3;`);
    const running = shell.start(["sync", "customers.csv"], ENV);
    running.child.stdout?.once("data", () => running.child.stdout?.destroy());
    expect(await running.ended).toMatchObject({ code: 3, stderr: "closed: true\n" });
  });

  it("reads standard input to its end", async () => {
    withSync("for await (const piece of host.input()) await host.stdout.write(piece.toString('hex')); return 0;");
    const running = shell.start(["sync", "customers.csv", "--api-key-file", "-"], ENV);
    running.child.stdin?.end(Buffer.from([0xff, 0xfe, 0x6b, 0x00]));
    expect(await running.ended).toMatchObject({ code: 0, stdout: "fffe6b00" });
  });

  it("never shows the key, whatever it prints", async () => {
    withSync(`
      host.secrets.add("key-of-a-file");
      await host.stdout.write("answer key-of-the-environment\\n");
      host.stderr.stream.write("drawn key-of-a-file\\n");
      throw new Error("headers: Bearer key-of-the-environment key-of-a-file");`);
    const { code, stdout, stderr } = await run(["sync", "customers.csv", "-v"]);
    expect(code).toBe(1);
    expect(stdout + stderr).not.toMatch(/key-of-/);
    expect(stderr).toContain("Bearer [API key] [API key]");
  });
});

describe("a command that throws", () => {
  const STOP = `
    const { StopError } = await import("../shared/problems.js");
    throw new StopError(6, { code: "LOG_LOCKED", message: "the log is locked", hint: "wait", file: "a.jsonl" });`;

  it("what it expected: told as errors, as the result, in result files, with its exit code", async () => {
    withSync(STOP);
    const { code, stdout, stderr } = await run(["sync", "customers.csv", "--format", "json", "--out", "result.json"]);
    expect(code).toBe(6);
    expect(stderr).toMatch(/^error: the log is locked \[LOG_LOCKED\]\n {2}at a\.jsonl\n/);
    const errors = [{ code: "LOG_LOCKED", message: "the log is locked", hint: "wait", file: "a.jsonl" }];
    expect(JSON.parse(stdout)).toMatchObject({ command: "sync", errors, exitCode: 6 });
    expect(existsSync(join(shell.folder, "result.json"))).toBe(true);
  });

  it("puts no second object behind an answer", async () => {
    withSync(`await host.stdout.write("{}\\n"); ${STOP}`);
    expect((await run(["sync", "customers.csv", "--format", "json"])).stdout).toBe("{}\n");
  });

  it("what nobody expected: a defect, exit 1, its stack only for -v", async () => {
    withSync("const plan = undefined; return plan.items;");
    const { code, stdout, stderr } = await run(["sync", "customers.csv", "--format", "json"]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: a defect in this program: TypeError: .*\[DEFECT\]/);
    expect(stderr).not.toMatch(/^\s+at .*carry-out\.js/m);
    expect(JSON.parse(stdout)).toMatchObject({ errors: [{ code: "DEFECT" }], exitCode: 1 });
    expect((await run(["sync", "customers.csv", "-v"])).stderr).toMatch(/^\s+at .*carry-out\.js/m);
  });

  it("a wait that nothing can end: a defect, not a silent success", async () => {
    withSync("await new Promise(() => undefined); return 0;");
    const { code, stderr } = await run(["sync", "customers.csv"]);
    expect(code).toBe(1);
    expect(stderr).toContain("a defect in this program: Error: it waits for something that cannot come any more");
  });

  it.each([
    ["a promise that nobody waits for", "void Promise.reject(new RangeError('lost key-of-the-environment'));"],
    ["a callback", "setImmediate(() => { throw new RangeError('lost key-of-the-environment'); });"],
  ])("from %s: a defect as well", async (_, body) => {
    withSync(`${body} await new Promise((resolve) => setTimeout(resolve, 60_000)); return 0;`);
    const { code, stderr } = await run(["sync", "customers.csv"]);
    expect(code).toBe(1);
    expect(stderr).toContain("a defect in this program: RangeError: lost [API key]");
  });
});

// Windows has no signals that one process can send another.
describe.skipIf(process.platform === "win32")("a signal", () => {
  const WAITING = `await host.stderr.write("ready\\n"); await new Promise((resolve) => setTimeout(resolve, 60_000));`;

  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ] as const)("%s ends a command that has not taken it over, and says so: exit %i", async (signal, code) => {
    withSync(`${WAITING} return 0;`);
    const running = shell.start(["sync", "customers.csv", "--format", "json", "--out", "result.json"], ENV);
    await running.said("ready");
    running.child.kill(signal);
    const ended = await running.ended;
    expect({ code: ended.code, signal: ended.signal }).toEqual({ code, signal: null });
    expect(JSON.parse(ended.stdout)).toMatchObject({ errors: [{ code: "INTERRUPTED" }], exitCode: code });
    expect(existsSync(join(shell.folder, "result.json"))).toBe(true);
  });

  it("the first and the second are told to a command that has, and one that comes two seconds later ends it", async () => {
    withSync(`
      const { requested, immediate, signal } = host.interruption();
      requested.addEventListener("abort", () => host.stderr.write("requested " + signal() + "\\n"));
      immediate.addEventListener("abort", () => host.stderr.write("immediate\\n"));
      ${WAITING} return 0;`);
    const running = shell.start(["sync", "customers.csv"], ENV);
    await running.said("ready");
    running.child.kill("SIGTERM");
    await running.said("requested SIGTERM");
    running.child.kill("SIGINT");
    await running.said("immediate");
    const impatience = setInterval(() => running.child.kill("SIGINT"), 500);
    const ended = await running.ended;
    clearInterval(impatience);
    expect(ended).toMatchObject({ code: 143, signal: null });
  });

  it("the command's exit code stands where it ends in time", async () => {
    withSync(`
      const { requested } = host.interruption();
      setTimeout(() => undefined, 60_000);
      await host.stderr.write("ready\\n");
      await new Promise((resolve) => requested.addEventListener("abort", resolve));
      await host.stdout.write("written down\\n");
      return 6;`);
    const running = shell.start(["sync", "customers.csv"], ENV);
    await running.said("ready");
    running.child.kill("SIGINT");
    expect(await running.ended).toMatchObject({ code: 6, stdout: "written down\n" });
  });
});
