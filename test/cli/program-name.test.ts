import { describe, expect, it } from "vitest";
import { isCi, programName } from "../../src/cli/program.js";

describe("what is typed to start the program once more", () => {
  const cwd = "/home/ada/work";

  it.each([
    { script: "/usr/local/bin/qalyptus-propagate", env: {}, name: "qalyptus-propagate" },
    {
      script: "/home/ada/work/node_modules/qalyptus-propagate/bin/qalyptus-propagate.js",
      env: {},
      name: "qalyptus-propagate",
    },
    {
      script: "/home/ada/.npm/x/node_modules/.bin/qalyptus-propagate",
      env: { npm_command: "exec" },
      name: "npx qalyptus-propagate",
    },
    { script: "/home/ada/work/bin/qalyptus-propagate.js", env: {}, name: "node bin/qalyptus-propagate.js" },
    {
      script: "/home/ada/my clone/bin/qalyptus-propagate.js",
      env: {},
      name: 'node "../my clone/bin/qalyptus-propagate.js"',
    },
    { script: "", env: {}, name: "qalyptus-propagate" },
  ])("$script is $name", ({ script, env, name }) => {
    expect(programName(script, "/usr/bin/node", { cwd, shell: "sh", env })).toBe(name);
  });

  it.each([
    ["/opt/qp", {}, "/opt/qp", "./qalyptus-propagate"],
    ["/opt/qp", {}, "/home/ada", "../../opt/qp/qalyptus-propagate"],
    ["/opt/Kunden Müller", {}, "/opt", '"./Kunden Müller/qalyptus-propagate"'],
    ["/opt/qp", { PATH: "/usr/bin:/opt/qp" }, "/home/ada", "qalyptus-propagate"],
  ])("with Node beside it in %s is its launcher", (archive, env, from, name) => {
    const script = `${archive}/package/bin/qalyptus-propagate.js`;
    expect(programName(script, `${archive}/node`, { cwd: from, shell: "sh", env })).toBe(name);
    expect(programName(script, "/usr/bin/node", { cwd: from, shell: "sh", env })).toMatch(/^node /);
  });

  it.each([
    ["cmd", "/opt/a b", '"./a b/qalyptus-propagate.cmd"'],
    ["cmd", "/opt/ab", "./ab/qalyptus-propagate.cmd"],
    // What cmd reads between other shells' quotes it would run: these call no .cmd.
    ["powershell", "/opt/a b", "& './a b/node.exe' 'a b/package/bin/qalyptus-propagate.js'"],
    ["pwsh", "/opt/ab", "./ab/node.exe ab/package/bin/qalyptus-propagate.js"],
    ["sh", "/opt/ab", "./ab/node.exe ab/package/bin/qalyptus-propagate.js"],
  ] as const)("with Windows' Node beside it in %s from %s is %s", (shell, archive, name) => {
    const script = `${archive}/package/bin/qalyptus-propagate.js`;
    const env = { Path: archive === "/opt/ab" && shell !== "cmd" ? archive : "" };
    expect(programName(script, `${archive}/node.exe`, { cwd: "/opt", shell, env })).toBe(name);
  });
});

describe("a CI system", () => {
  it.each([
    ["true", true],
    ["1", true],
    ["", false],
    ["0", false],
    ["false", false],
    [undefined, false],
  ])("CI=%s", (CI, expected) => {
    expect(isCi({ CI })).toBe(expected);
  });
});
