import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readCommandLine } from "../../src/cli/command-line.js";
import { hintCompleter } from "../../src/commands/hint-commands.js";
import { resolveCommand } from "../../src/plan/conflicts.js";
import { optionWords } from "../../src/shared/hints.js";
import { copy, MONTHLY, taskId } from "../support/manifests.js";

const TENANTS = [
  "-dash",
  "--from",
  "-5",
  'a"b',
  "$(touch ran)",
  "`touch ran`",
  "it's",
  "both ' and \"",
  "a\\b",
  "back\\",
  "hi!",
  "a; touch ran",
  "*",
  "~",
  "@acme",
  "#1",
  "Müller & Söhne",
  "l’or",
];
const LOG = "$(touch ran) $& it's.idempotency.jsonl";

describe.skipIf(process.platform === "win32")("a resolve command, pasted into sh", () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "pasted-"));
    const program = join(folder, "qalyptus-propagate");
    writeFileSync(program, `#!/bin/sh\nfor word; do printf '%s\\0' "$word"; done\n`);
    chmodSync(program, 0o755);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function argumentsOf(command: string): readonly string[] {
    const env = { ...process.env, PATH: `${folder}:${process.env.PATH}` };
    return execFileSync("sh", ["-c", command], { cwd: folder, env }).toString().split("\0").slice(0, -1);
  }

  it.each(TENANTS)("names the tenant, the one it is taken from and the log as they are: %s", (tenant) => {
    const host = { argv0: "qalyptus-propagate", shell: "sh" } as const;
    const server = "http://acme.example/a?b=$c";
    const rest = ["--task-id", copy(1), ...optionWords("--from", tenant)];
    const complete = hintCompleter(
      host,
      { command: "sync", operands: [], options: [["--server", server]] },
      { log: LOG },
    );
    const hint = complete(resolveCommand({ tenant, sourceTaskId: taskId(MONTHLY) }, ...rest));
    const line = readCommandLine(argumentsOf(hint), { env: { QALYPTUS_API_KEY: "key" }, argv0: "p" });
    if (line.kind !== "run" || line.invocation.command !== "resolve") throw new Error(JSON.stringify(line));
    expect(line.invocation.settings).toMatchObject({
      idempotencyLog: LOG,
      sourceTask: MONTHLY,
      resolution: {
        kind: "task",
        tenant,
        taskId: copy(1),
        from: tenant,
        connection: { server: { text: server } },
      },
    });
    expect(readdirSync(folder)).toEqual(["qalyptus-propagate"]);
  });
});
