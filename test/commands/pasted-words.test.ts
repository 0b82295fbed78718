import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hintCompleter } from "../../src/commands/hint-commands.js";
import { pastedLine } from "../../src/commands/sandbox.js";
import { appInUse } from "../../src/plan/conflicts.js";
import { commandLine, hintOf } from "../../src/shared/hints.js";
import { foldTenantKey, type TaskId } from "../../src/shared/ids.js";
import { type Shell, shellOf, shellWord, wordsIn } from "../../src/shared/quoting.js";
import { appId, copy, MONTHLY, taskId, WEEKLY } from "../support/manifests.js";

const SOURCE = taskId(MONTHLY);
const ACME = { tenant: "acme", sourceTaskId: SOURCE };
const APP = appId("dddddddd-0000-4000-8000-000000000001");

describe("commands that messages name", () => {
  it.skipIf(process.platform === "win32")("give the shell each tenant as it is, whatever its characters", () => {
    const tenants = [
      "acme",
      "Acme Ltd",
      "O$HOME",
      "back`tick",
      'the "best"',
      "l'or",
      "a\\b",
      "$x'y",
      "hi!",
      "@acme",
      "$(touch ran)",
      "`touch ran`",
      "a;b",
    ];
    const read = tenants.map((tenant) => execFileSync("sh", ["-c", `printf %s ${shellWord(tenant)}`]).toString());
    expect(read).toEqual(tenants);
  });

  /** What cmd, asked by a person, makes of a line: names are filled in first, carets count outside of quotes, and so do `&|<>`. */
  function cmdReads(line: string): string {
    return cmdSplits(line.replace(/%([^%]+)%/g, (spelt, name: string) => (name === "PATH" ? "ran" : spelt)));
  }

  /** The same without names: what a launcher hands on as `%*` is read in this way once more. */
  function cmdSplits(filled: string): string {
    let quoted = false;
    let read = "";
    for (let at = 0; at < filled.length; at += 1) {
      const char = filled[at] ?? "";
      if (char === '"') quoted = !quoted;
      if (!quoted && /[&|<>]/.test(char)) throw new Error(`cmd runs what follows ${char}`);
      if (!quoted && char === "^") at += 1;
      read += !quoted && char === "^" ? (filled[at] ?? "") : char;
    }
    return read;
  }

  /** The one argument that a program on Windows finds in a line. */
  function programReads(line: string): string {
    let quoted = false;
    let read = "";
    for (let rest = line; rest !== ""; ) {
      const [all = "", slashes = "", end = ""] = /^(\\*)("?)/.exec(rest) ?? [];
      rest = rest.slice(all.length);
      read += end === "" ? slashes : "\\".repeat(slashes.length >> 1);
      if (end !== "" && slashes.length % 2 === 1) read += '"';
      else if (end !== "" && quoted && rest.startsWith('"')) [read, rest] = [`${read}"`, rest.slice(1)];
      else if (end !== "") quoted = !quoted;
      if (all !== "") continue;
      if (!quoted && /\s/.test(rest[0] ?? "")) throw new Error("a second argument");
      [read, rest] = [read + rest.slice(0, 1), rest.slice(1)];
    }
    return read;
  }

  /** What PowerShell makes of a word: bare, or in single quotes, of which it knows five. */
  function powerShellReads(word: string): string {
    if (!word.startsWith("'")) {
      if (/[\s'"`$;&|<>(){},\u2018-\u201e]/.test(word) || /^[-@]/.test(word)) throw new Error("PowerShell reads more");
      return word;
    }
    const inner = word.slice(1, -1);
    if (/['\u2018-\u201b]/.test(inner.replace(/['\u2018-\u201b]{2}/g, ""))) throw new Error("the quote ends before");
    return inner.replace(/(['\u2018-\u201b])['\u2018-\u201b]/g, "$1");
  }

  /** How Windows PowerShell hands a text on: in quotes where it has a blank, its own quotes as they are. */
  const handedOn = (text: string): string => programReads(/\s/.test(text) ? `"${text}"` : text);

  const piece = fc.constantFrom(
    "$(calc)",
    "`",
    '"',
    "'",
    "\\",
    "%PATH%",
    "%",
    "&",
    " ",
    "-x",
    "^",
    "\u2019",
    "\u201c",
    "a",
    "!",
    "@",
  );
  const hostile = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(""));

  it("are one argument in each shell of Windows, and run nothing, whatever the tenant's key", () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const typed = cmdReads(wordsIn("cmd")(text));
        expect([programReads(typed), programReads(cmdSplits(typed))]).toEqual([text, text]);
        expect(powerShellReads(wordsIn("pwsh")(text))).toBe(text);
        expect(handedOn(powerShellReads(wordsIn("powershell")(text)))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ["C:\\Kunden\\tenants.csv", "C:\\Kunden\\tenants.csv", "C:\\Kunden\\tenants.csv", "C:\\Kunden\\tenants.csv"],
    ["C:\\My Files\\", '"C:\\My Files\\\\"', "'C:\\My Files\\\\'", "'C:\\My Files\\'"],
    ['the "best"', '"the ""best"""', "'the \\\"best\\\"'", "'the \"best\"'"],
    ["it's 5%", '"it\'s 5%"', "'it''s 5%'", "'it''s 5%'"],
    ["$(calc)", '"$(calc)"', "'$(calc)'", "'$(calc)'"],
    ["-acme", '"-acme"', "'-acme'", "'-acme'"],
  ])("%s is typed for cmd, Windows PowerShell and PowerShell", (text, cmd, powershell, pwsh) => {
    expect([wordsIn("cmd")(text), wordsIn("powershell")(text), wordsIn("pwsh")(text)]).toEqual([cmd, powershell, pwsh]);
  });

  const MODULES =
    "C:\\Program Files\\WindowsPowerShell\\Modules;C:\\Windows\\system32\\WindowsPowerShell\\v1.0\\Modules";
  it.each([
    ["linux", { SHELL: "/bin/bash" }, "sh"],
    ["darwin", { PSModulePath: "/Users/a/.local/share/powershell/Modules" }, "pwsh"],
    ["win32", { PSModulePath: MODULES, PROMPT: "$P$G" }, "cmd"],
    [
      "win32",
      { PSModulePath: `C:\\Users\\a\\Documents\\WindowsPowerShell\\Modules;${MODULES}`, PROMPT: "$P$G" },
      "powershell",
    ],
    [
      "win32",
      {
        PSModulePath: `C:\\Users\\a\\Documents\\PowerShell\\Modules;c:\\program files\\powershell\\7\\Modules;${MODULES}`,
      },
      "pwsh",
    ],
    ["win32", { PSModulePath: MODULES, MSYSTEM: "MINGW64", PROMPT: "$P$G" }, "sh"],
    ["win32", {}, "powershell"],
  ] as const)("are for the shell at hand: %s %o is %s", (platform, env, shell) => {
    expect(shellOf(platform, env)).toBe(shell);
  });

  it("are typed anew for another shell, and the words around them are not", () => {
    const words = "the tenants' \"it 'is' so\" stays:";
    const hint = hintOf(words, commandLine("resolve", 'it\'s "new"', "--from=-$x", "%PATH% Ltd"));
    const on = (shell: Shell) =>
      hintCompleter({ argv0: "qalyptus-propagate", shell }, { command: "sync", operands: [], options: [] })(hint);
    expect(on("cmd")).toBe(`${words}\n  qalyptus-propagate resolve "it's ""new""" "--from=-$x" ""^%"PATH"^%" Ltd"`);
    expect(on("pwsh")).toBe(`${words}\n  qalyptus-propagate resolve 'it''s "new"' '--from=-$x' '%PATH% Ltd'`);
    expect(on("sh")).toBe(hint);
  });

  it.each([
    ["qalyptus-propagate", "sh", "qalyptus-propagate"],
    ["npx qalyptus-propagate", "sh", "node '/a b/package/bin/qalyptus-propagate.js'"],
    ["node bin/qalyptus-propagate.js", "powershell", "node '/a b/package/bin/qalyptus-propagate.js'"],
    ["./qalyptus-propagate", "sh", "'/a b/node' '/a b/package/bin/qalyptus-propagate.js'"],
    [".\\qalyptus-propagate.cmd", "powershell", "& '/a b/node' '/a b/package/bin/qalyptus-propagate.js'"],
  ] as const)("mean the same in every folder: %s in %s is %s", (argv0, shell, program) => {
    const host = { argv0, execPath: "/a b/node", mainPath: "/a b/package/bin/qalyptus-propagate.js" };
    expect(pastedLine(host, ["doctor"], shell).replaceAll('"', "'")).toBe(`${program} doctor`);
  });

  it("name for an app that a doubt holds only what ends the doubt", () => {
    const holder = { key: foldTenantKey("globex"), tenant: "globex", sourceTaskId: SOURCE, copy: undefined };
    const { hint } = appInUse(ACME, APP, holder);
    expect(hint).toContain(`resolve globex --source-task ${SOURCE} --forget --reason "I looked at it on the server"`);
    expect(hint).not.toContain("--from");
  });

  it("offer a rename only where the copy is one of the same source task", () => {
    const holder = { key: foldTenantKey("globex"), tenant: "globex", copy: { newTaskId: taskId(copy(1)) } };
    const hintFor = (sourceTaskId: TaskId) => appInUse(ACME, APP, { ...holder, sourceTaskId }).hint;
    expect(hintFor(SOURCE)).toContain(`--task-id ${copy(1)} --from globex`);
    expect(hintFor(taskId(WEEKLY))).not.toContain("--from");
    expect(hintFor(taskId(WEEKLY))).toContain(`resolve globex --source-task ${WEEKLY} --forget`);
  });
});
