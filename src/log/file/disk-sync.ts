import { randomUUID } from "node:crypto";
import { unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { type LogDisk, nodeDisk } from "./disk.js";
import { diskTrouble } from "./problem.js";

/** As much as a group of records takes. */
const TRIAL = Buffer.alloc(4096, "\n");

/**
 * How long the disk takes to make one write beside a log durable, in milliseconds; and in which folder. Makes one file there
 * and removes it. Throws a StopError (exit 6) where a log could not be written there.
 */
export async function measureDiskSync(
  logPath: string,
  deps: { readonly monotonic: () => number; readonly disk?: LogDisk | undefined },
): Promise<{ readonly ms: number; readonly folder: string }> {
  const { monotonic, disk = nodeDisk } = deps;
  try {
    const folder = dirname(disk.realPath(logPath));
    const trial = join(folder, `.qalyptus-propagate-doctor-${randomUUID()}.tmp`);
    const handle = disk.create(trial);
    try {
      const begun = monotonic();
      handle.write(TRIAL);
      await handle.datasync();
      return { ms: monotonic() - begun, folder };
    } finally {
      handle.close();
      unlinkSync(trial);
    }
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    throw diskTrouble(logPath, "write beside", error);
  }
}
