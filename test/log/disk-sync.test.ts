import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { measureDiskSync } from "../../src/log/file/disk.js";
import { inFolder, WatchedDisk } from "../support/log-places.js";

const ticks = () => {
  let now = 100;
  return () => {
    now += 7;
    return now;
  };
};

describe("how long a disk takes", () => {
  it("is measured by one write that is made durable beside the log, and of which nothing is left", async () => {
    await inFolder(async (folder) => {
      const disk = new WatchedDisk();
      const measured = await measureDiskSync(join(folder, "customers.csv.idempotency.jsonl"), {
        monotonic: ticks(),
        disk,
      });
      expect(measured.ms).toBe(7);
      expect(disk.calls).toEqual(["create", "write", "datasync"]);
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it("is exit 6 where the disk says no, as it would be for a sync; and nothing is left then either", async () => {
    await inFolder(async (folder) => {
      const disk = new WatchedDisk();
      disk.onDatasync = async () => {
        throw Object.assign(new Error("no space"), { code: "ENOSPC" });
      };
      const measuring = measureDiskSync(join(folder, "x.idempotency.jsonl"), { monotonic: ticks(), disk });
      await expect(measuring).rejects.toMatchObject({ exitCode: 6, problems: [{ code: "LOG_UNWRITABLE" }] });
      expect(readdirSync(folder)).toEqual([]);
    });
  });

  it("is exit 6 where the log's folder is not there", async () => {
    await inFolder(async (folder) => {
      mkdirSync(join(folder, "logs"));
      const measuring = measureDiskSync(join(folder, "gone", "x.idempotency.jsonl"), { monotonic: ticks() });
      await expect(measuring).rejects.toMatchObject({ exitCode: 6 });
    });
  });
});
