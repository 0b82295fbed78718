import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { manifestOf, openStage, SHAPE } from "../support/stage.js";
import { type Installed, installPacked, npm, runFile } from "./packed.js";

/** The packages named `node` bring these; which of the line is the registry's newest. */
const VERSIONS = ["20", "22", "24"];

let installed: Installed;
let nodes: string;

beforeAll(async () => {
  installed = await installPacked();
  nodes = await mkdtemp(join(tmpdir(), "qalyptus-nodes-"));
});

afterAll(async () => {
  await installed.remove();
  await rm(nodes, { recursive: true, force: true });
});

async function installNode(version: string): Promise<string> {
  const prefix = join(nodes, version);
  await npm(["install", "--no-save", "--no-audit", "--no-fund", "--prefix", prefix, `node@${version}`], nodes);
  return join(prefix, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
}

describe.each(VERSIONS)("on Node %s", (version) => {
  let node: string;

  beforeAll(async () => {
    node = await installNode(version);
    const told = await runFile(node, ["--version"], { cwd: nodes, env: {} });
    expect(told.stdout).toMatch(new RegExp(`^v${version}\\.`));
  });

  it("tells its version, without a warning of Node's", async () => {
    expect(await installed.run(["--version"], { node })).toMatchObject({ code: 0, stderr: "" });
  });

  it("validates a manifest, and syncs it against a sandbox: once, then with nothing to do", async () => {
    const stage = await openStage();
    const manifest = join(stage.folder, "tenants.csv");
    await writeFile(manifest, manifestOf(20));
    expect(await installed.run(["validate", manifest, ...SHAPE], { node })).toMatchObject({ code: 0, stderr: "" });
    const env = { QALYPTUS_SERVER: stage.sandbox.url, QALYPTUS_API_KEY: stage.sandbox.key };
    for (const round of [{ create: 20 }, { unchanged: 20 }]) {
      const { code, stdout } = await installed.run(["sync", manifest, ...SHAPE, "--format", "json"], { node, env });
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ summary: { ...round, succeeded: 20 } });
    }
    expect(stage.copies()).toHaveLength(20);
  });

  it("plays the demo to its proof", async () => {
    const { code, stdout } = await installed.run(["demo"], { node });
    expect(code).toBe(0);
    expect(stdout).toContain("ok  120 copies for 120 tenants");
  });
});
