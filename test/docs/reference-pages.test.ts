import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { manifestOf, openStage } from "../support/stage.js";
import { blockOf, HAS_PYTHON, readPage } from "./shell-lines.js";

describe("the page of the log", { timeout: 120_000 }, () => {
  it("explains each type of record, and no other", async () => {
    const [, entries = ""] = /^const ENTRIES = \{\n([\s\S]*?)^\};/m.exec(await readPage("src/log/records.ts")) ?? [];
    const types = [...entries.matchAll(/^ {2}"?([a-z-]+)"?: z\.object/gm)].map(([, type]) => type);
    expect(types.length).toBeGreaterThan(20);
    const [, table = ""] = /^\| type \|.*\n\|.*\n((?:\|.*\n)*)/m.exec(await readPage("docs/log.md")) ?? [];
    const told = table.split("\n").flatMap((row) => [...(row.split("|")[1] ?? "").matchAll(/`([a-z-]+)`/g)]);
    expect(told.map(([, type]) => type).toSorted()).toEqual(["header", ...types].toSorted());
  });

  it.skipIf(!HAS_PYTHON)(
    "has a check in Python: it knows a whole log, a changed one, and one that lacks a head",
    async () => {
      const stage = await openStage();
      await stage.put("tenants.csv", manifestOf(3));
      const { log: first } = (await stage.sync()).result;
      const { log: second } = (await stage.sync(["--verify"])).result;
      const script = await stage.put("check-log.py", blockOf(await readPage("docs/log.md"), "python"));
      const text = await readFile(join(stage.folder, "tenants.csv.idempotency.jsonl"), "utf8");
      const head = (log: typeof first) => `${log?.seq}:${log?.digest}`;
      const check = async (content: string, ...heads: readonly string[]) => {
        const args = [script, await stage.put("log.jsonl", content), ...heads];
        return new Promise<string>((resolve) => {
          execFile("python3", args, (error, stdout, stderr) =>
            resolve(`${error?.code ?? 0} ${stdout}${stderr}`.trim()),
          );
        });
      };
      const whole = `0 The log is whole. Its head: ${head(second)}`;
      expect(head(first)).not.toBe(head(second));
      expect(await check(text, head(first))).toBe(whole);
      expect(await check(text.replaceAll("\n", "\r\n"), head(first), head(second))).toBe(whole);
      const lines = text.split("\n");
      const changed = text.replace("tenant-2", "tenant-9");
      const seq = lines.findIndex((line) => line.includes("tenant-2"));
      expect(await check(changed)).toBe(`1 The line with seq ${seq} is not as it was written.`);
      expect(await check(lines.toSpliced(seq, 1).join("\n"))).toBe(
        `1 The line with seq ${seq} is not as it was written.`,
      );
      const cut = lines.slice(0, (first?.seq ?? 0) + 1).join("\n");
      expect(await check(cut, head(first))).toBe(`0 The log is whole. Its head: ${head(first)}`);
      expect(await check(cut, head(second))).toBe("1 The log does not hold the head that was noted.");
    },
  );
});

describe("the page of results", () => {
  it("explains each field of a result in JSON", async () => {
    const stage = await openStage({ fault: ["forbid-tenant=*tenant-2*"] });
    await stage.put("tenants.csv", manifestOf(2));
    const { result } = await stage.sync(["--dry-run", "--save-plan", "plan.json"]);
    const { result: done } = await stage.sync();
    const [good, bad] = done.tenants;
    expect([good?.outcome, bad?.outcome]).toEqual(["succeeded", "failed"]);
    const objects = [result, done, done.log, done.manifest, good, good?.mappings[0], bad, bad?.error, done.warnings[0]];
    const fields = new Set(objects.flatMap((each) => Object.keys(each ?? {})));
    expect(fields.size).toBeGreaterThan(40);
    const page = await readPage("docs/results.md");
    expect([...fields].filter((field) => !page.includes(`\`${field}\``))).toEqual([]);
  });
});
