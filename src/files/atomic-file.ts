import { randomUUID } from "node:crypto";
import { type FileHandle, open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { hasCode } from "./disk-error.js";
import { orMissing } from "./file-identity.js";

/** Puts a finished file in its place. */
export type Put<T> = (temporary: string, path: string) => Promise<T>;

/**
 * Writes a file whole or not at all: beside its place, flushed to the disk, then put there. What was there before is unchanged where
 * that fails. Throws what the disk says.
 */
export async function writeAtomically<T = void>(
  path: string,
  pieces: Iterable<string>,
  put: Put<T> = rename as Put<T>,
): Promise<T> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    await writeWhole(temporary, pieces);
    const placed = await put(temporary, path);
    await flushFolder(dirname(path));
    return placed;
  } finally {
    await orMissing(unlink(temporary));
  }
}

const PIECE_CHARACTERS = 1 << 20;

async function writeWhole(path: string, pieces: Iterable<string>): Promise<void> {
  const file = await open(path, "wx", 0o644);
  try {
    let waiting = "";
    for (const piece of pieces) {
      waiting += piece;
      if (waiting.length < PIECE_CHARACTERS) continue;
      await file.writeFile(waiting);
      waiting = "";
    }
    await file.writeFile(waiting);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes the rename last; some systems (Windows) cannot open a folder, and need not. */
async function flushFolder(folder: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(folder, "r");
  } catch (error) {
    if (hasCode(error, ["EISDIR", "EPERM", "EACCES"])) return;
    throw error;
  }
  try {
    await handle.sync();
  } catch (error) {
    if (!hasCode(error, ["EINVAL", "EPERM", "ENOTSUP"])) throw error;
  } finally {
    await handle.close();
  }
}
