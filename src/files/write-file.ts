import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { access, constants, copyFile, link, rename, rm } from "node:fs/promises";
import { basename, dirname, join, parse, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ProblemCode } from "../shared/codes.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../shared/problems.js";
import { codeOf, hasCode, isSameFile, realPathOf, statOf, syncFolder } from "./paths.js";

/**
 * Writes a file whole or not at all: beside its place, flushed to the disk, then put there by `put`. What was there before is
 * unchanged where that fails. Throws what the disk says.
 */
export async function writeAtomically<T = void>(
  path: string,
  pieces: Iterable<string>,
  put: (temporary: string, path: string) => Promise<T> = rename as () => Promise<T>,
): Promise<T> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}.tmp`);
  try {
    await pipeline(pieces, createWriteStream(temporary, { flags: "wx", mode: 0o644, flush: true }));
    const placed = await put(temporary, path);
    syncFolder(dirname(path));
    return placed;
  } finally {
    // A file that stays here takes nothing from the one that was written.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/**
 * Writes a file whole or not at all. Without `replace` a file that came into being meanwhile is left as it is; with it, a link is
 * kept and what it points to replaced. Throws a StopError (exit 2) that says why.
 */
export async function writeNewFile(path: string, text: string, replace: boolean): Promise<void> {
  try {
    await writeAtomically(replace ? realPathOf(path) : resolve(path), [text], replace ? rename : linkWhereNothingIs);
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "") throw cause;
    if (code === "EEXIST") throw fileExists(path, cause);
    throw stopError(EXIT.usage, "OUT_NOT_WRITTEN", `${path} cannot be written: ${code}`, { file: path }, cause);
  }
}

/** A link, unlike a rename, is refused where something is. So is a copy, for disks without links; of that a part may be left. */
async function linkWhereNothingIs(temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target);
  } catch (error) {
    if (codeOf(error) === "EEXIST") throw error;
    await copyFile(temporary, target, constants.COPYFILE_EXCL);
  }
}

export function fileExists(file: string, cause?: unknown): StopError {
  return stopError(EXIT.usage, "FILE_EXISTS", `${file} cannot be written: it is there already`, { file }, cause);
}

/** A file that no result may replace, and what it is called in messages. */
export interface ProtectedFile {
  readonly path: string;
  readonly what: string;
}

/**
 * Checks every file that is to be written, before anything starts. Throws a StopError (exit 2) with all faults: one that is the manifest,
 * the log or another input (by real path and by inode, so also through links; on Windows and macOS also in another case), one given
 * twice, and for an `--out` a folder that is missing or not writable, or that is in the file's place.
 */
export async function checkOutputs(outputs: {
  readonly results: readonly { readonly path: string }[];
  readonly plan?: string | undefined;
  readonly protectedFiles: readonly ProtectedFile[];
  readonly platform: NodeJS.Platform;
}): Promise<void> {
  const { results, plan, platform } = outputs;
  const faults: Problem[] = [];
  const protectedFiles = [...outputs.protectedFiles];
  const check = (option: string, file: string, what: string, otherFault?: Problem): void => {
    const same = protectedFiles.find(({ path }) => isSameFile(path, file, platform));
    protectedFiles.push({ path: file, what });
    const fault =
      otherFault ?? (same && problem("OUT_WOULD_REPLACE", `${option} ${file}: this file is ${same.what}`, { file }));
    if (fault !== undefined) faults.push(fault);
  };
  if (plan !== undefined) check("--save-plan", plan, "the saved plan");
  for (const { path } of results) check("--out", path, "another --out file", await faultOf(path));
  if (faults.length > 0) throw new StopError(EXIT.usage, faults);
}

async function faultOf(path: string): Promise<Problem | undefined> {
  const fault = (code: ProblemCode, why: string) => problem(code, `--out ${path}: ${why}`, { file: path });
  const folder = dirname(resolve(path));
  if (statOf(folder)?.isDirectory() !== true) return fault("OUT_FOLDER_MISSING", `there is no folder ${folder}`);
  try {
    await access(folder, constants.W_OK);
  } catch (error) {
    if (!hasCode(error, ["EACCES", "EPERM", "EROFS"])) throw error;
    return fault("OUT_FOLDER_READ_ONLY", `the folder ${folder} cannot be written to`);
  }
  return statOf(path)?.isDirectory() === true ? fault("OUT_IS_FOLDER", "this is a folder") : undefined;
}

/** What `rename` says of a file that a program holds open. */
const HELD = ["EBUSY", "EPERM", "EACCES"];

/** A name that nothing has yet, for a result whose own place is held: `<name>.new.<ending>`, or a number more. */
function freeNameBeside(path: string): string {
  const { dir, name, ext } = parse(path);
  for (let number = 1; ; number += 1) {
    const beside = join(dir, `${name}.new${number < 2 ? "" : number}${ext}`);
    if (statOf(beside) === undefined) return beside;
  }
}

/**
 * Writes a result whole or not at all. Where another program holds the file (Excel), it goes beside it: `OUT_WRITTEN_BESIDE` is
 * returned; where it can be written nowhere, `OUT_NOT_WRITTEN`. Never throws for what the disk says: a run that is over must still tell
 * its result. A test hands in a `move` that finds the file held.
 */
export async function placeResultFile(
  path: string,
  pieces: Iterable<string>,
  move: (from: string, to: string) => Promise<void> = rename,
): Promise<Problem | undefined> {
  try {
    return await writeAtomically(realPathOf(path), pieces, async (temporary, real) => {
      try {
        await move(temporary, real);
        return undefined;
      } catch (error) {
        if (!hasCode(error, HELD)) throw error;
      }
      const beside = freeNameBeside(real);
      await move(temporary, beside);
      const message = `${path} could not be replaced (is it open in another program?): the result is in ${beside}`;
      return problem("OUT_WRITTEN_BESIDE", message, { hint: `Close ${path} there, and use ${beside}`, file: beside });
    });
  } catch (error) {
    if (codeOf(error) === "") throw error;
    const message = `the result could not be written to ${path} (${codeOf(error)}); what was there before is unchanged`;
    return problem("OUT_NOT_WRITTEN", message, { file: path });
  }
}
