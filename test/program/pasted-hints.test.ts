import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { type HostileStage, openHostileStage } from "../support/hostile-stage.js";
import { MASTER } from "../support/manifests.js";

const run = promisify(execFile);

/** The commands that a run for people tells to paste, in their order. */
async function commandsTold(
  stage: HostileStage,
  args: readonly string[] = [],
): Promise<{ readonly commands: readonly string[]; readonly said: string }> {
  const words = ["sync", "tenants.csv", "--source-task", stage.server.source.id, "--master-app", MASTER];
  const quick = ["--settle", "200ms", "--timeout", "3s", "--retries", "1", "--server", stage.server.origin];
  const { stdout, stderr } = await stage.run(...words, ...quick, ...args);
  const said = `${stdout}\n${stderr}`;
  const commands = [...said.matchAll(/^ {4,}(node \S*qalyptus-propagate\.js .*)$/gm)].map(([, line = ""]) => line);
  return { commands, said };
}

/** What pasting it into a shell of another window comes to: with the key alone in the environment. */
async function pasted(stage: HostileStage, command: string): Promise<{ readonly code: number; readonly said: string }> {
  const env = { PATH: process.env.PATH, QALYPTUS_API_KEY: "key-of-acme" };
  try {
    const { stdout, stderr } = await run("sh", ["-c", command], { cwd: stage.folder, env, timeout: 20_000 });
    return { code: 0, said: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, said: stdout + stderr };
  }
}

const nameOf = (tenant: string): string => `Monthly Report - ${tenant}`;
const TWO = { acme: 1, "Müller & Söhne $x": 2 } as const;

type Case = readonly [code: string, make: (stage: HostileStage) => Promise<unknown>, remedy: RegExp, then: number];

const CASES: readonly Case[] = [
  ["GONE", async (stage) => stage.server.remove(stage.server.named(nameOf("acme"))), / --recreate$/, 0],
  ["GONE", async (stage) => stage.server.remove(stage.server.named(nameOf("acme"))), / --forget$/, 0],
  ["NAME_TAKEN", (stage) => stage.loseLog(), / --adopt$/, 0],
  ["NAME_TAKEN", (stage) => stage.loseLog(), / resolve .* --task-id \S+$/, 0],
  ["LOG_LOST", (stage) => Promise.all([stage.loseLog(), stage.manifest({ ...TWO, new: 3 })]), / --adopt --dry-run$/, 0],
  ["APP_IN_USE", (stage) => stage.manifest({ acme: 1, "Müller AG": 2 }), / --task-id \S+ --from /, 0],
  ["APP_IN_USE", (stage) => stage.manifest({ acme: 1, "Müller AG": 2 }), / --forget$/, 0],
  ["APP_IN_USE", (stage) => stage.manifest({ acme: 1, "Müller AG": 2 }), / --allow-shared-app \S+$/, 0],
  [
    "CROSSED",
    async (stage) => {
      const [one, other] = [stage.server.named(nameOf("acme")), stage.server.named(nameOf("Müller & Söhne $x"))];
      [one.name, other.name] = [other.name, one.name];
    },
    / --reason /,
    0,
  ],
];

describe.skipIf(process.platform === "win32")("a command that a hint gives", { timeout: 60_000 }, () => {
  it.each(CASES)("for %s runs as it stands", async (code, make, remedy, then) => {
    const stage = await openHostileStage();
    await stage.manifest(TWO);
    expect((await stage.sync()).exit).toBe(0);
    await make(stage);
    const { commands, said: told } = await commandsTold(stage);
    expect(told).toContain(code);
    const command = commands.find((line) => remedy.test(line));
    expect(command, commands.join("\n")).toBeDefined();
    const { code: exit, said } = await pasted(stage, command ?? "");
    expect({ exit, said: exit === then ? "" : said }).toEqual({ exit: then, said: "" });
  });

  it("after a dry run carries the plan out, and for a saved plan exactly that", async () => {
    const stage = await openHostileStage();
    await stage.manifest(TWO);
    const [command = ""] = (await commandsTold(stage, ["--dry-run", "--limit", "1"])).commands;
    expect((await pasted(stage, command)).code).toBe(0);
    expect(stage.server.copies).toHaveLength(1);
    const [exactly = ""] = (await commandsTold(stage, ["-n", "--save-plan", "plan $1.json"])).commands;
    expect(exactly).toContain("--plan-digest");
    expect((await pasted(stage, exactly)).code).toBe(0);
    expect(stage.server.copies).toHaveLength(2);
  });
});
