import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { manifestOf, openStage, SHAPE, type Stage } from "../support/stage.js";

const LOG = "t.csv.idempotency.jsonl";

/** The first `resolve` command of a text, as a person pastes it; the program's own name is what a test runs. */
function pastedResolve(text: string, ending: string): readonly string[] {
  const found = [...text.matchAll(/\bresolve [^;\n]*?--(?:task-id [\w-]+|retry|forget --reason "?TEXT"?)/g)].map(
    (match) => match[0],
  );
  const command = found.find((candidate) => candidate.includes(ending));
  if (command === undefined) throw new Error(`no resolve command with ${ending} in: ${text}`);
  return command.split(" ");
}

async function syncBelow(stage: Stage, more: readonly string[] = []): ReturnType<Stage["run"]> {
  return stage.run([
    "sync",
    "below/t.csv",
    ...SHAPE,
    "--settle",
    "200ms",
    "--timeout",
    "1s",
    "--format",
    "json",
    ...more,
  ]);
}

describe("the commands that messages name", () => {
  it("mean the same log and server wherever the manifest is", async () => {
    const stage = await openStage();
    await mkdir(join(stage.folder, "below"));
    await stage.put("below/t.csv", manifestOf(1));
    expect((await syncBelow(stage)).code).toBe(0);
    await rm(join(stage.folder, "below", LOG));
    const taken = await syncBelow(stage, ["--server", stage.sandbox.url]);
    expect(taken.code).toBe(3);
    const hint: string = JSON.parse(taken.stdout).tenants[0].error.hint;
    const env = { QALYPTUS_SERVER: undefined };
    const resolved = await stage.run(pastedResolve(hint, "--task-id"), { env });
    expect(resolved.stderr).toBe("");
    expect(resolved.code).toBe(0);
    const after = await syncBelow(stage);
    expect(after.code).toBe(0);
    expect(stage.copies()).toHaveLength(1);
  });

  it("take a retry before there is any log", async () => {
    const stage = await openStage();
    await mkdir(join(stage.folder, "below"));
    await stage.put("below/t.csv", manifestOf(1));
    await syncBelow(stage);
    await rm(join(stage.folder, "below", LOG));
    const hint: string = JSON.parse((await syncBelow(stage)).stdout).tenants[0].error.hint;
    expect((await stage.run(pastedResolve(hint, "--retry"))).code).toBe(0);
    expect((await syncBelow(stage)).code).toBe(0);
    expect(stage.copies()).toHaveLength(2);
  });
});

describe("resolve --retry", () => {
  it("allows no second copy once the first was seen", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(2));
    expect((await stage.sync()).code).toBe(0);
    expect((await stage.run(["resolve", "tenant-1", "--retry"])).code).toBe(0);
    expect((await stage.sync()).code).toBe(0);
    const status = await stage.run(["status", "--format", "json"]);
    expect(JSON.parse(status.stdout).tenants[0]).toMatchObject({ tenant: "tenant-1", state: "copied" });
    expect(stage.copies()).toHaveLength(2);
  });
});

describe("a wrong prefix", () => {
  it("is told as no Qalyptus server, exit 5, and not as the manifest's fault", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(2));
    const { code, result } = await stage.sync(["--server", `${stage.sandbox.url}/elsewhere`]);
    expect(code).toBe(5);
    expect(result.errors[0]?.code).toBe("NOT_QALYPTUS");
  });
});

describe("a run with several faults", () => {
  it("exits 6 for a log that is not ours, also where the manifest has faults", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", "tenant,newQlikAppId\nacme,no-guid\n");
    await stage.put("tenants.csv.idempotency.jsonl", "not a log\n");
    const { code, result } = await stage.sync();
    expect(code).toBe(6);
    expect(result.errors.length).toBeGreaterThan(1);
  });
});

describe("--verify", () => {
  it("says once that the server shows no mappings", async () => {
    const stage = await openStage({ fault: ["no-mappings-shown"] });
    await stage.put("tenants.csv", manifestOf(3));
    expect((await stage.sync()).code).toBe(0);
    const { code, result } = await stage.sync(["--verify"]);
    expect(code).toBe(0);
    expect(result.warnings.filter((warning) => warning.code === "MAPPINGS_NOT_SHOWN")).toHaveLength(1);
    expect(result.tenants.some((tenant) => tenant.verified)).toBe(false);
  });
});

describe("a customer who left", () => {
  it("leaves a task, which the orphan's reason and resolve --forget name", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(2));
    expect((await stage.sync()).code).toBe(0);
    const left = stage.copies().find(({ name }) => name === "Monthly Report - tenant-2");
    const named = `"Monthly Report - tenant-2" (${left?.id})`;
    await stage.put("tenants.csv", manifestOf(1));
    const orphan = (await stage.sync(["--dry-run"])).result.tenants[1];
    expect(orphan).toMatchObject({ tenant: "tenant-2", action: "orphan", outcome: "skipped" });
    expect(orphan?.reason).toContain(named);
    expect(orphan?.reason).toContain("a person disables or deletes it on the server");
    const forgotten = await stage.run(["resolve", "tenant-2", "--forget"]);
    expect(forgotten.code).toBe(0);
    expect(forgotten.stdout).toContain(named);
    expect(forgotten.stdout).toContain("disables or deletes it on the server");
  });
});
