import { randomUUID } from "node:crypto";
import { closeSync, lstatSync, type Stats, writeFileSync } from "node:fs";
import { access, constants, copyFile, type FileHandle, link, open, rename, rm } from "node:fs/promises";
import { dirname, join, parse, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { ProblemCode } from "../shared/codes.js";
import { EXIT, type Problem, problem, StopError, stopError } from "../shared/problems.js";
import { nameFault } from "./file-names.js";
import { checkKind, openToAppend, UnfitFile } from "./open-file.js";
import { codeOf, hasCode, isSameFile, orMissing, realPathOf, spokenCode, statOf, syncFolder } from "./paths.js";

/*
 * How every file is written: beside its place, under a name that nobody can guess, and then put there. The place is found once, when it
 * is checked, and looked at again right before: it may have become a link to the log meanwhile.
 */

/** A file that nothing may replace, and what it is called in messages. */
export interface ProtectedFile {
  readonly path: string;
  readonly what: string;
}

/** Where a file is to be written. */
export interface Target {
  /** As the user gave it. */
  readonly path: string;
  /** Its place without links, as it was when it was checked. */
  readonly real: string;
  readonly protectedFiles: readonly ProtectedFile[];
  readonly platform: NodeJS.Platform;
}

/** The target at a path. A link stays, and what it points to is replaced. */
export function targetOf(
  path: string,
  protectedFiles: readonly ProtectedFile[] = [],
  platform: NodeJS.Platform = "linux",
): Target {
  return { path, real: realPathOf(path), protectedFiles, platform };
}

/** What is at a path, without following a link. */
export function entryAt(path: string): Stats | undefined {
  return orMissing(() => lstatSync(path));
}

/** Throws an {@link UnfitFile} where a target is not what it was when it was checked. */
function checkUnchanged({ path, real, protectedFiles, platform }: Target): void {
  const found = entryAt(real);
  if (found !== undefined) checkKind(path, found);
  if (realPathOf(dirname(real)) !== dirname(real)) throw new UnfitFile(path, "its folder has become a link");
  const same = protectedFiles.find((file) => isSameFile(file.path, real, platform));
  if (same !== undefined) throw new UnfitFile(path, `it has become ${same.what}`);
}

const NEW_FILE = 0o644;
/** For what nobody else needs to read. */
export const PRIVATE_FILE = 0o600;

/** Makes a file that is not there yet; with the rights, and where it can be the owner, of the one whose place it takes. */
async function makeFile(path: string, mode: number, before: Stats | undefined): Promise<FileHandle> {
  const handle = await open(path, "wx", before === undefined ? mode : PRIVATE_FILE);
  if (before === undefined) return handle;
  const { uid, gid } = await handle.stat();
  if (uid !== before.uid || gid !== before.gid) await handle.chown(before.uid, before.gid).catch(() => undefined);
  await handle.chmod(before.mode & 0o777);
  return handle;
}

/**
 * Writes a file whole or not at all: beside its place, flushed to the disk, then put there by `put`. What was there before is
 * unchanged where that fails. Throws what the disk says. `mode`: of a file that was not there before.
 */
export async function writeAtomically<T = void>(
  target: Target,
  pieces: Iterable<string | Uint8Array>,
  { mode = NEW_FILE, put = rename as never }: { mode?: number; put?: (from: string, to: string) => Promise<T> } = {},
): Promise<T> {
  checkUnchanged(target);
  const { real } = target;
  const folder = dirname(real);
  // Without the file's own name: that may be as long as a name can be.
  const temporary = join(folder, `.qalyptus-${randomUUID()}.tmp`);
  try {
    const handle = await makeFile(temporary, mode, entryAt(real));
    await pipeline(pieces, handle.createWriteStream({ flush: true }));
    checkUnchanged(target);
    const placed = await put(temporary, real);
    syncFolder(folder);
    return placed;
  } finally {
    // A file that stays here takes nothing from the one that was written.
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

/** Adds text to the end of a file that is not ours alone. Throws what the disk says. */
export function appendToFile(target: Target, text: string): void {
  checkUnchanged(target);
  const fd = openToAppend(target.real, true);
  try {
    writeFileSync(fd, text);
  } finally {
    closeSync(fd);
  }
}

/**
 * Writes a file whole or not at all. Without `replace` a file that came into being meanwhile is left as it is; with it, a link is
 * kept and what it points to replaced. Throws a StopError (exit 2) that says why.
 */
export async function writeNewFile(target: Target, content: string | Uint8Array, replace: boolean): Promise<void> {
  const { path } = target;
  try {
    await writeAtomically(target, [content], replace ? {} : { put: linkWhereNothingIs });
  } catch (cause) {
    const code = codeOf(cause);
    if (code === "") throw cause;
    if (code === "EEXIST") throw fileExists(path, cause);
    const message = `${path} cannot be written: ${spokenCode(cause)}`;
    throw stopError(EXIT.usage, "OUT_NOT_WRITTEN", message, { file: path }, cause);
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

/** What {@link checkOutputs} found, in the order in which it was asked. */
export interface Outputs {
  readonly results: readonly Target[];
  readonly plan: Target | undefined;
}

/**
 * Checks every file that is to be written, before anything starts. Throws a StopError (exit 2) with all faults: one that is the manifest,
 * the log or another input (by real path and by inode, so also through links; on Windows and macOS also in another case), one given
 * twice, a folder that is missing or not writable, and what is no file: a folder, a pipe, a device, a link that leads nowhere.
 */
export async function checkOutputs(outputs: {
  readonly results: readonly { readonly path: string }[];
  readonly plan?: string | undefined;
  readonly protectedFiles: readonly ProtectedFile[];
  readonly platform: NodeJS.Platform;
}): Promise<Outputs> {
  const { results, plan, platform } = outputs;
  const faults: Problem[] = [];
  const protectedFiles = [...outputs.protectedFiles];
  const check = async (option: string, file: string, what: string): Promise<Target> => {
    const same = protectedFiles.find(({ path }) => isSameFile(path, file, platform));
    const target = targetOf(file, [...protectedFiles], platform);
    protectedFiles.push({ path: file, what });
    const message = `${option} ${file}: this file is ${same?.what}`;
    const fault = (await faultOf(option, file, platform)) ?? (same && problem("OUT_WOULD_REPLACE", message, { file }));
    if (fault !== undefined) faults.push(fault);
    return target;
  };
  const planTarget = plan === undefined ? undefined : await check("--save-plan", plan, "the saved plan");
  const targets: Target[] = [];
  for (const { path } of results) targets.push(await check("--out", path, "another --out file"));
  if (faults.length > 0) throw new StopError(EXIT.usage, faults);
  return { results: targets, plan: planTarget };
}

async function faultOf(option: string, path: string, platform: NodeJS.Platform): Promise<Problem | undefined> {
  const fault = (code: ProblemCode, why: string) => problem(code, `${option} ${path}: ${why}`, { file: path });
  const badName = nameFault(path, platform);
  if (badName !== undefined) return fault("OUT_NAME", badName);
  const folder = dirname(resolve(path));
  if (statOf(folder)?.isDirectory() !== true) return fault("OUT_FOLDER_MISSING", `there is no folder ${folder}`);
  const found = statOf(path);
  if (found?.isDirectory() === true) return fault("OUT_IS_FOLDER", "this is a folder");
  if (found === undefined && entryAt(path) !== undefined)
    return fault("OUT_IS_NO_FILE", "this is a link that leads nowhere");
  try {
    if (found !== undefined) checkKind(path, found);
    await access(folder, constants.W_OK);
  } catch (error) {
    if (error instanceof UnfitFile) return fault("OUT_IS_NO_FILE", error.message);
    if (!hasCode(error, ["EACCES", "EPERM", "EROFS"])) throw error;
    return fault("OUT_FOLDER_READ_ONLY", `the folder ${folder} cannot be written to`);
  }
  return undefined;
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
  target: Target,
  pieces: Iterable<string>,
  move: (from: string, to: string) => Promise<void> = rename,
): Promise<Problem | undefined> {
  const { path } = target;
  const put = async (temporary: string, real: string): Promise<Problem | undefined> => {
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
  };
  try {
    return await writeAtomically(target, pieces, { put });
  } catch (error) {
    if (codeOf(error) === "") throw error;
    const message = `the result could not be written to ${path} (${spokenCode(error)}); what was there before is unchanged`;
    return problem("OUT_NOT_WRITTEN", message, { file: path });
  }
}
