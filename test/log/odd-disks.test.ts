import { mkdirSync, readFileSync, realpathSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { realPathOf } from "../../src/files/paths.js";
import { OwnRecord, removeFile } from "../../src/log/file/lock-files.js";
import { inFolder } from "../support/log-places.js";

function says(code: string): () => never {
  return () => {
    throw Object.assign(new Error(code), { code });
  };
}

describe("a disk without hard links", () => {
  it.each(["EPERM", "EISDIR", "UNKNOWN"])("that says %s takes a lock all the same, and only one", (code) =>
    inFolder((folder) => {
      const root = join(folder, "log.jsonl.lock");
      const record = { host: "acme-01", pid: 7, startedAt: "2026-01-31T02:00:00.000Z", command: "sync" };
      const [first, second] = ["00000000000000aa", "00000000000000bb"].map(
        (id) => new OwnRecord(root, { id, ...record }),
      );
      if (first === undefined || second === undefined) throw new Error("no records");
      expect(first.place(root, says(code))).toBe(true);
      expect(second.place(root, says(code))).toBe(false);
      expect(readFileSync(root, "utf8")).toBe(readFileSync(first.path, "utf8"));
      expect(JSON.parse(readFileSync(root, "utf8"))).toMatchObject(first.record);
      for (const one of [first, second]) {
        one.close();
        expect(removeFile(one.path)).toBe(true);
      }
    }),
  );
});

describe("a path without links", () => {
  it("is not made up where nothing is there: a log yet to be made has its folder's", () =>
    inFolder((folder) => {
      mkdirSync(join(folder, "real"));
      symlinkSync(join(folder, "real"), join(folder, "link"));
      const path = join(folder, "link", "log.jsonl");
      const expected = join(realpathSync(folder), "real", "log.jsonl");
      expect(realPathOf(path)).toBe(expected);
    }));
});
