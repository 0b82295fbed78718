import { basename, dirname, join } from "node:path";
import type { Problem } from "../../shared/problems.js";
import type { LogDisk } from "./disk.js";
import type { LogLock } from "./held-lock.js";
import { isDiskError, notRenewedWarning } from "./problem.js";

/** Where the log of a lock that was just taken stands. */
interface LockedPlace {
  readonly disk: LogDisk;
  /** Without symbolic links. */
  readonly path: string;
  /** The path as the user gave it, for messages. */
  readonly shownPath: string;
  readonly lock: LogLock;
}

/**
 * Puts the log into a new file where an earlier owner of the lock did not release it: it may be frozen, or held up by a write that hangs. What its
 * open descriptor still does then reaches a file that nobody reads. To be done before anything of the log is read. Returns a
 * warning where the disk lets no new file take the log's place.
 *
 * Nothing that counts is lost. The earlier owner looks at the lock after each flush and before each send, and our claim on the
 * lock was there before the copy was begun: of what is not in the copy, that look came later and was refused, so nothing
 * was sent or told on the strength of it. What is in the copy, but was never acknowledged, is read like a killed run's: the
 * intent is a doubt, half a line is torn.
 *
 * Dies before the rename: the log is as it was, and the lock's chain still names the earlier owner, so the next holder does all
 * this again. Dies after it: the same, once more than needed.
 */
export function renewLog(place: LockedPlace): readonly Problem[] {
  const { disk, path, shownPath, lock } = place;
  removeCopies(place);
  if (!lock.wasTakenOver || disk.facts(path) === undefined) return [];
  const copy = copyPath(path, lock.id);
  try {
    copyLog({ disk, path, copy });
    lock.check();
    disk.rename(copy, path);
  } catch (error) {
    if (!isDiskError(error)) throw error;
    return [notRenewedWarning(shownPath, error)];
  } finally {
    disk.remove(copy);
  }
  disk.syncFolder(dirname(path));
  return [];
}

/**
 * Removes the copies of earlier holders: one that was frozen right before its rename must find nothing to put in the log's place.
 * It looks at the lock when its copy is complete; so a copy that comes into being after this is never moved.
 */
function removeCopies({ disk, path }: LockedPlace): void {
  const folder = dirname(path);
  const start = basename(copyPath(path, ""));
  for (const name of disk.list(folder)) if (name.startsWith(start)) disk.remove(join(folder, name));
}

function copyPath(path: string, lockId: string): string {
  return `${path}.lock.copy-${lockId}`;
}

function copyLog(from: { readonly disk: LogDisk; readonly path: string; readonly copy: string }): void {
  const { disk, path, copy } = from;
  const handle = disk.createLike(copy, path);
  try {
    disk.read(path, 0, (chunk) => {
      let rest = chunk;
      while (rest.length > 0) rest = rest.subarray(handle.write(rest));
    });
    handle.datasyncNow();
  } finally {
    handle.close();
  }
}
