import * as fs from "node:fs";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { isSameFile } from "../../src/files/paths.js";
import { OwnRecord } from "../../src/log/file/lock-files.js";

/** NTFS counts in the topmost 16 of 64 bits how often a place in its table was used. */
const REUSED = 4711n << 48n;

vi.mock("node:fs", async (importOriginal) => {
  const real = await importOriginal<typeof fs>();
  type Look = (of: never, options?: fs.StatOptions) => fs.BigIntStats | fs.Stats | undefined;
  const onNtfs =
    (look: Look): Look =>
    (of, options) => {
      const found = look(of, { ...options, bigint: true });
      if (found === undefined) return undefined;
      const ino = (BigInt(found.ino) & 0xffffffffn) | REUSED;
      return Object.assign(look(of, options) ?? {}, { ino: options?.bigint ? ino : Number(ino) }) as fs.Stats;
    };
  return { ...real, statSync: onNtfs(real.statSync as Look), fstatSync: onNtfs(real.fstatSync as Look) };
});

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "qalyptus-numbers-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("files whose numbers are larger than a double holds, as on Windows", () => {
  it("are told apart, and are the same by another name", () => {
    const files = Array.from({ length: 8 }, (_, at) => join(folder, `${at}.json`));
    for (const file of files) writeFileSync(file, "");
    const [first = "", ...others] = files;
    expect(others.filter((file) => isSameFile(first, file, "win32"))).toEqual([]);
    fs.linkSync(first, join(folder, "link.json"));
    expect(isSameFile(first, join(folder, "link.json"), "win32")).toBe(true);
  });

  it("are no lock of ours where another's stands in its place", () => {
    const root = join(folder, "log.lock");
    const who = { host: "here", pid: 1, startedAt: "now", command: "sync" };
    const [own, ...others] = Array.from(
      { length: 8 },
      (_, at) => new OwnRecord(root, { ...who, id: String(at).padStart(16, "0") }),
    );
    try {
      expect(others.filter(({ path }) => own?.isAt(path))).toEqual([]);
      expect(own?.isAt(own.path)).toBe(true);
    } finally {
      for (const record of [own, ...others]) record?.close();
    }
  });
});
