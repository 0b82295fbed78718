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
    expect(programName(script, { cwd, shell: "sh", env })).toBe(name);
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
