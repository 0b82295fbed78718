import { execFileSync } from "node:child_process";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { MASTER_APP_ID, tenantAppId } from "../../src/sandbox/world.js";
import { manifestOf, openStage, SHAPE } from "../support/stage.js";

const BIN = fileURLToPath(new URL("../../bin/qalyptus-propagate.js", import.meta.url));
const row = (tenant: string, app = tenantAppId(1)) => `tenant,newQlikAppId\n${tenant},${app}\n`;

describe("a key with a mark that nobody sees", () => {
  it("is a fault that names the mark: no second copy is made of it", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", row("acme"));
    expect((await stage.sync()).code).toBe(0);
    for (const [mark, codePoint] of [
      ["\u200e", "U+200E"],
      ["\u3164", "U+3164"],
    ]) {
      await stage.put("tenants.csv", row(`${mark}acme`));
      const synced = await stage.sync();
      expect(synced.code).toBe(2);
      expect(synced.result.errors[0]).toMatchObject({ code: "CONTROL_CHARACTER", line: 2 });
      expect(synced.stderr).toContain(codePoint);
    }
    expect(stage.copies()).toHaveLength(1);
  });

  it("names the tenant that a person sees where it is typed", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", row("acme"));
    expect((await stage.sync(["--only", "\u200eACME"])).result.summary.succeeded).toBe(1);
    const log = ["--manifest", "tenants.csv", "--reason", "gone", "--format", "json"];
    const forgotten = await stage.run(["resolve", "\u200eacme\u00ad", "--forget", ...log]);
    expect([forgotten.code, JSON.parse(forgotten.stdout).tenants[0].tenant]).toEqual([0, "acme"]);
    await stage.put("tenants.csv", row("globex", MASTER_APP_ID));
    const offline = ["--dry-run", "--offline", "--allow-master-app", "\u2060Globex\ufe0f"];
    expect((await stage.sync(offline)).code).toBe(0);
  });
});

describe("a value that is none", () => {
  it.each([
    ["#N/A", "FORMULA_ERROR"],
    ["NULL", "NULL_VALUE"],
    ["M\ufffdller", "LETTER_LOST"],
  ])("is refused before anything is read: %s", async (value, code) => {
    const stage = await openStage();
    await stage.put("tenants.csv", row(value));
    const validated = await stage.run(["validate", "tenants.csv", ...SHAPE, "--format", "json"]);
    expect(validated.code).toBe(2);
    expect(JSON.parse(validated.stdout).errors).toMatchObject([{ code, value, line: 2 }]);
  });
});

describe.skipIf(process.platform === "win32")("the log that a hint names", () => {
  it("is pasted as it is, and nothing in its name is run", async () => {
    const stage = await openStage();
    const named = "$(touch ran) it's.csv";
    await stage.put(named, manifestOf(1));
    const first = await stage.run(["sync", named, ...SHAPE]);
    expect(first.code).toBe(0);
    await writeFile(join(stage.folder, "tenants.csv"), manifestOf(1));
    const refused = await stage.sync();
    const hint = refused.result.errors[0]?.hint ?? "";
    expect([refused.code, refused.result.errors[0]?.code]).toEqual([6, "OTHER_LOG"]);
    const words = /--idempotency-log .*$/.exec(hint)?.[0];
    const env = { ...process.env, QALYPTUS_SERVER: stage.sandbox.url, QALYPTUS_API_KEY: stage.sandbox.key };
    const command = `"${process.execPath}" "${BIN}" sync tenants.csv ${SHAPE.join(" ")} ${words} --dry-run --offline`;
    execFileSync("sh", ["-c", command], { cwd: stage.folder, env, stdio: "pipe" });
    expect(await readdir(stage.folder)).not.toContain("ran");
  });
});
