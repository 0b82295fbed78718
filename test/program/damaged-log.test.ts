import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { manifestOf, openStage, SHAPE } from "../support/stage.js";

const LOG = "tenants.csv.idempotency.jsonl";

describe("a log that a power loss left", () => {
  it("as NUL bytes stops every command with exit 6, and no copy is made a second time under another --name", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(3));
    await stage.sync();
    const whole = await readFile(join(stage.folder, LOG));
    const header = whole.subarray(0, whole.indexOf("\n") + 1);
    const nuls = (bytes: number) => Buffer.alloc(bytes);
    const lost = [
      nuls(whole.length),
      Buffer.concat([header.subarray(0, 40), nuls(4096)]),
      Buffer.concat([header, nuls(whole.length - header.length)]),
    ];
    for (const bytes of lost) {
      await stage.put(LOG, bytes);
      for (const dry of [[], ["--dry-run"]]) {
        const { code, result } = await stage.sync(["--name", "Other {tenant}", ...dry]);
        expect([code, result.errors[0]?.code]).toEqual([6, "LOG_DAMAGED"]);
        expect(result.errors[0]?.hint).toContain("--idempotency-log NEW-FILE");
      }
      expect((await stage.run(["status", "tenants.csv"])).code).toBe(6);
      expect(await readFile(join(stage.folder, LOG))).toEqual(bytes);
    }
    expect(stage.copies()).toHaveLength(3);
  });

  it("with a torn end tells people what was cut off and where it is kept", async () => {
    const stage = await openStage();
    await stage.put("tenants.csv", manifestOf(2));
    await stage.sync();
    const whole = await readFile(join(stage.folder, LOG), "utf8");
    await stage.put(LOG, `${whole}{"v":1,"seq":`);
    const { code, stderr } = await stage.run(["sync", "tenants.csv", ...SHAPE]);
    expect(code).toBe(0);
    const [kept = ""] = (await readdir(stage.folder)).filter((name) => name.includes(".torn-"));
    expect(stderr).toContain(`The last 13 bytes of ${LOG}, from line ${whole.split("\n").length} on`);
    expect(stderr).toContain(`moved to ${kept}`);
    expect(await readFile(join(stage.folder, kept), "utf8")).toBe('{"v":1,"seq":');
  });
});
