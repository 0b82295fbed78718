import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const OWN = [".github/workflows/ci.yml", ".github/workflows/release.yml"];
const SYSTEMS = ["github-actions.yml", "gitlab-ci.yml", "azure-pipelines.yml"];
const EXAMPLES = SYSTEMS.flatMap((name) => [`examples/ci/${name}`, `examples/ci/log-on-a-branch/${name}`]);
const ON_GITHUB = [...OWN, ...EXAMPLES.filter((path) => path.endsWith("github-actions.yml"))];

const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");

interface Job {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly steps: readonly { readonly uses?: string; readonly with?: Readonly<Record<string, unknown>> }[];
}
interface Workflow extends Pick<Job, "permissions"> {
  readonly jobs: Readonly<Record<string, Job>>;
}

/** The rights to write that a job of ours needs. */
const WRITES: Readonly<Record<string, readonly string[]>> = {
  ".github/workflows/release.yml publish": ["id-token", "attestations"],
  ".github/workflows/release.yml release": ["contents"],
};

function actionsOf(path: string): readonly string[] {
  return [...read(path).matchAll(/\buses: (.*)/g)].map(([, action = ""]) => action);
}

/** A pipeline's jobs or stages by name, and whatever else is at the same place, as text in the file's order. */
function partsOf(path: string): ReadonlyMap<string, string> {
  const {
    jobs = {},
    stages = [],
    ...rest
  } = parse(read(path)) as {
    readonly jobs?: Readonly<Record<string, unknown>>;
    readonly stages?: readonly (string | { readonly stage: string })[];
  };
  const named = stages.flatMap((one) => (typeof one === "string" ? [] : [[one.stage, one] as const]));
  const parts = [...Object.entries(rest), ...Object.entries(jobs), ...named];
  return new Map(parts.map(([name, part]) => [name, JSON.stringify(part)]));
}

/** What a pipeline gives to a shell. A blank behind a colon makes an object of a line that is not quoted. */
function scriptsIn(node: unknown): readonly unknown[] {
  if (typeof node !== "object" || node === null) return [];
  return Object.entries(node).flatMap(([key, value]) =>
    /^(run|(before_|after_)?script)$/.test(key) ? [value].flat() : scriptsIn(value),
  );
}

describe.each(ON_GITHUB)("%s", (path) => {
  const { permissions, jobs } = parse(read(path)) as Workflow;

  it("uses actions by their commit, with the version beside it", () => {
    for (const action of actionsOf(path)) expect(action).toMatch(/^actions\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  it("gives no job a right to write that it does not need, and leaves no token in a checkout", () => {
    expect(Object.values(permissions ?? { none: "given" }).filter((right) => right !== "read")).toEqual([]);
    for (const [name, job] of Object.entries(jobs)) {
      const given = Object.entries(job.permissions ?? {}).filter(([, right]) => right !== "read");
      expect(given, name).toEqual((WRITES[`${path} ${name}`] ?? []).map((scope) => [scope, "write"]));
      for (const { uses = "", with: inputs } of job.steps)
        if (uses.startsWith("actions/checkout@")) expect(inputs?.["persist-credentials"], name).toBe(false);
    }
  });
});

describe("the examples' pipelines", () => {
  it("use the actions that our own workflows use, in the same versions (Dependabot reads those only)", () => {
    const own = new Set(OWN.flatMap(actionsOf));
    for (const path of ON_GITHUB) for (const action of actionsOf(path)) expect(own, path).toContain(action);
  });

  it.each(EXAMPLES)(
    "%s is YAML with lines for a shell, installs the archive that was checked in, and asks no registry",
    (path) => {
      const lines = scriptsIn(parse(read(path)));
      expect(lines.length).toBeGreaterThan(3);
      for (const line of lines) expect(line).toBeTypeOf("string");
      const { version } = JSON.parse(read("package.json")) as { version: string };
      const install = `sha256sum --check --strict SHA256SUMS && npm install --global --offline --ignore-scripts ./qalyptus-propagate-${version}.tgz`;
      const installs = read(path)
        .split("\n")
        .filter((line) => /\bnpm (i|install|ci|exec)\b|\bnpx\b/.test(line));
      expect(installs.length).toBeGreaterThan(0);
      for (const line of installs) expect(line).toContain(install);
    },
  );

  it.each(EXAMPLES)("%s sends no token where a redirect leads", (path) => {
    expect(read(path)).not.toMatch(/--location|curl[^\n]* -\w*L/);
  });

  it.each(EXAMPLES)("%s gives what pull requests run a key that only reads, and no token that writes", (path) => {
    const text = partsOf(path).get("plan");
    expect(text).toContain("QALYPTUS_READ_KEY");
    expect(text).not.toMatch(
      /(secrets\.|\$\(?)QALYPTUS_API_KEY|GITLAB_TOKEN|QALYPTUS_LOG_|HEAD_KEY|persistCredentials|"?group"?:"qalyptus"/,
    );
    expect(text).toMatch(/qalyptus-read/);
  });

  it.each(EXAMPLES.filter((path) => path.includes("log-on-a-branch")))(
    "%s signs the log's head with a key that apply and adopt alone have, and verifies it before it goes by the log",
    (path) => {
      const parts = partsOf(path);
      const having = [...parts].filter(([, text]) => text.includes("HEAD_KEY")).map(([name]) => name);
      expect(having).toEqual(["apply", "adopt"]);
      for (const name of having) {
        const text = parts.get(name) ?? "";
        expect(text).toMatch(/QALYPTUS_HEAD_KEY.* --sign-head '/);
        expect(text).toMatch(/HEAD_KEY_FILE\W+(\$\{\{ runner\.temp \}\}\/|\$\(mktemp\)|\$\(Agent\.TempDirectory\)\/)/);
      }
      expect(parts.get("apply")).toMatch(/ log verify .* --signature '.* --plan-digest /);
      expect(parts.get("audit")).toMatch(/ log verify .* --signature '.* --dry-run --verify /);
      expect(parts.get("audit")).not.toMatch(/environment"?:"qalyptus"|"group":"qalyptus"|secrets\.QALYPTUS_API_KEY/);
    },
  );
});
