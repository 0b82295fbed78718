import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { measureDiskSync } from "../../src/log/file/disk.js";
import { inFolder } from "../support/log-places.js";

it("measures how long the disk takes beside the log, and leaves nothing there", () =>
  inFolder((folder) => {
    expect(measureDiskSync(join(folder, "customers.csv.idempotency.jsonl"))).toBeGreaterThan(0);
    expect(readdirSync(folder)).toEqual([]);
  }));

it.each([
  ["gone", (folder: string) => join(folder, "gone", "x.idempotency.jsonl")],
  ["of the kernel's own", () => "/proc/x.idempotency.jsonl"],
])("is exit 6 where the log's folder is %s, as it would be for a sync", (_, path) =>
  inFolder((folder) => {
    const measuring = () => measureDiskSync(path(folder));
    expect(measuring).toThrow(
      expect.objectContaining({ exitCode: 6, problems: [expect.objectContaining({ code: "LOG_UNWRITABLE" })] }),
    );
  }),
);
