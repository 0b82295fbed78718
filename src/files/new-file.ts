import { linkSync } from "node:fs";
import { rename } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { writeAtomically } from "./atomic-file.js";
import { codeOf } from "./disk-error.js";
import { statOf } from "./file-identity.js";
import { realPath } from "./real-path.js";

/** What file systems without hard links say (FAT, some network disks; exFAT on Windows: EISDIR). */
const NO_HARD_LINKS = new Set("EPERM ENOTSUP EOPNOTSUPP ENOSYS EINVAL EISDIR EXDEV EMLINK UNKNOWN".split(" "));

/** Throws a StopError (exit 2) where a file is there already and may not be replaced, or where none can be made. */
export async function checkNewFile(path: string, replace: boolean): Promise<void> {
  const stats = await statOf(path);
  if (stats?.isDirectory() === true) throw refusal("FILE_IS_FOLDER", path, "it is a folder", "Name a file in it");
  if (stats !== undefined && !replace) throw exists(path);
  const folder = dirname(resolve(path));
  if ((await statOf(folder))?.isDirectory() !== true)
    throw refusal("FOLDER_MISSING", path, `there is no folder ${folder}`, "Make the folder, or name another file");
}

/**
 * Writes a file whole or not at all: beside it, flushed, then put in its place. Without `replace` a file that came into being
 * meanwhile is left as it is. Throws a StopError (exit 2) that says why.
 */
export async function writeNewFile(path: string, text: string, replace: boolean): Promise<void> {
  const target = replace ? await throughLinks(path) : resolve(path);
  try {
    await writeAtomically(target, [text], replace ? undefined : putWhereNothingIs);
  } catch (cause) {
    if (cause instanceof StopError) throw cause;
    const code = codeOf(cause);
    if (code === "") throw cause;
    if (code === "EEXIST") throw exists(path, cause);
    const hint = "Name a file in a folder that you may write to; if it is open in Excel, close it there";
    throw refusal("FILE_NOT_WRITTEN", path, code, hint, cause);
  }
}

/** A link to a file is kept, and what it points to replaced. */
async function throughLinks(path: string): Promise<string> {
  return (await statOf(path)) === undefined ? resolve(path) : realPath(path);
}

/** A link, unlike a rename, is made only where nothing is. */
async function putWhereNothingIs(temporary: string, target: string): Promise<void> {
  try {
    linkSync(temporary, target);
  } catch (error) {
    const code = codeOf(error);
    if (!NO_HARD_LINKS.has(code)) throw error;
    if ((await statOf(target)) !== undefined) throw exists(target, error);
    await rename(temporary, target);
  }
}

function exists(path: string, cause?: unknown): StopError {
  return refusal("FILE_EXISTS", path, "it is there already", "Name another file, or overwrite it with --force", cause);
}

function refusal(code: string, file: string, why: string, hint: string, cause?: unknown): StopError {
  const problem: Problem = { code, message: `${file} cannot be written: ${why}`, hint, file };
  return new StopError(EXIT.usage, problem, cause === undefined ? undefined : { cause });
}
