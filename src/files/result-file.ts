import { access, constants, rename } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { EXIT, type Problem, StopError } from "../shared/problems.js";
import { nearestSpellings } from "../shared/spelling.js";
import { writeAtomically } from "./atomic-file.js";
import { hasCode } from "./disk-error.js";
import { type Identity, identify, isSame, realPathOf, statOf } from "./file-identity.js";

/** The endings that `--out` knows. */
const ENDINGS = ["json", "csv", "md", "html", "xml"] as const;
export type ResultEnding = (typeof ENDINGS)[number];

/** One `--out` file that was found fit to be written. */
export interface ResultTarget {
  /** As the user typed it, for messages. */
  readonly path: string;
  readonly format: ResultEnding;
  /** Where it goes while another program holds `path`: `<name>.new.<ending>`, or a number more where that is another's. */
  readonly beside: string;
}

/** A file that no result may replace, and what it is called in messages. */
export interface ProtectedFile {
  readonly path: string;
  readonly what: string;
}

/**
 * Checks every `--out` before anything starts. Throws a StopError (exit 2) with all faults: an unknown ending, a folder that is
 * missing or not writable, a folder in the file's place, one file given twice, and a file that is the manifest, the log or
 * another input (by real path and by inode, so also through links; on Windows and macOS also in another case).
 */
export async function checkResultFiles(
  paths: readonly string[],
  from: { readonly protectedFiles: readonly ProtectedFile[]; readonly platform: NodeJS.Platform },
): Promise<readonly ResultTarget[]> {
  const problems: Problem[] = [];
  const targets: ResultTarget[] = [];
  const known: Identified[] = [];
  for (const { path, what } of from.protectedFiles) known.push({ ...(await identify(path, from.platform)), what });
  for (const path of paths) {
    const checked = await checkOne(path, known, from.platform);
    if ("problem" in checked) problems.push(checked.problem);
    else {
      const beside = await findBeside(path, known, from.platform);
      targets.push({ path, format: checked.format, beside });
      known.push({ ...checked.identity, what: "another --out file" });
    }
  }
  if (problems.length > 0) throw new StopError(EXIT.usage, problems);
  return targets;
}

/** Checks that a plan to be saved goes over no file of this run, by the same measure. Throws a StopError (exit 2). */
export async function checkPlanFile(
  path: string,
  from: { readonly protectedFiles: readonly ProtectedFile[]; readonly platform: NodeJS.Platform },
): Promise<void> {
  const identity = await identify(path, from.platform);
  for (const { path: other, what } of from.protectedFiles) {
    if (isSame(await identify(other, from.platform), identity))
      throw new StopError(EXIT.usage, wouldReplace(`--save-plan ${path}`, path, what));
  }
}

interface Identified extends Identity {
  readonly what: string;
}

type Checked = { readonly problem: Problem } | { readonly format: ResultEnding; readonly identity: Identity };

async function checkOne(path: string, known: readonly Identified[], platform: NodeJS.Platform): Promise<Checked> {
  const ending = extname(path).slice(1).toLowerCase();
  const format = ENDINGS.find((candidate) => candidate === ending);
  if (format === undefined) return { problem: unknownEnding(path, ending) };
  const folder = dirname(resolve(path));
  const folderStats = await statOf(folder);
  if (folderStats === undefined || !folderStats.isDirectory()) return { problem: noFolder(path, folder) };
  if (!(await isWritable(folder))) return { problem: notWritable(path, folder) };
  if ((await statOf(path))?.isDirectory() === true) return { problem: isFolder(path) };
  const identity = await identify(path, platform);
  const same = known.find((other) => isSame(other, identity));
  return same === undefined ? { format, identity } : { problem: wouldReplace(`--out ${path}`, path, same.what) };
}

async function findBeside(path: string, known: readonly Identified[], platform: NodeJS.Platform): Promise<string> {
  const ending = extname(path);
  const stem = path.slice(0, path.length - ending.length);
  for (let number = 1; ; number += 1) {
    const beside = `${stem}.new${number === 1 ? "" : number}${ending}`;
    const identity = await identify(beside, platform);
    if (!known.some((other) => isSame(other, identity))) return beside;
  }
}

async function isWritable(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    return true;
  } catch (error) {
    if (hasCode(error, ["EACCES", "EPERM", "EROFS"])) return false;
    throw error;
  }
}

/** How a result ended up: where it was meant to be, beside it, or nowhere. */
export type Placement =
  | { readonly kind: "placed"; readonly path: string }
  | { readonly kind: "beside"; readonly path: string; readonly problem: Problem }
  | { readonly kind: "failed"; readonly problem: Problem };

/** The step that puts a finished file in its place; handed in so that a file held open by Excel can be rehearsed. */
export interface PlacingDeps {
  readonly rename: (from: string, to: string) => Promise<void>;
}

/** What a program that has a file open makes `rename` say. */
const HELD = ["EBUSY", "EPERM", "EACCES"];

/**
 * Writes a result whole or not at all. Where another program holds the file (Excel), it goes to `<name>.new.<ending>` beside it. Never
 * throws for what the disk says: a run that is over must still tell its result.
 */
export async function placeResultFile(
  target: ResultTarget,
  pieces: Iterable<string>,
  deps: PlacingDeps = { rename },
): Promise<Placement> {
  try {
    return await writeAtomically(await realPathOf(target.path), pieces, async (temporary, real): Promise<Placement> => {
      try {
        await deps.rename(temporary, real);
        return { kind: "placed", path: target.path };
      } catch (error) {
        if (!hasCode(error, HELD)) throw error;
      }
      await deps.rename(temporary, join(dirname(real), basename(target.beside)));
      return { kind: "beside", path: target.beside, problem: writtenBeside(target.path, target.beside) };
    });
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return { kind: "failed", problem: notWritten(target.path, error) };
  }
}

function unknownEnding(path: string, ending: string): Problem {
  const [near] = nearestSpellings(ending, ENDINGS, 1);
  return {
    code: "OUT_ENDING",
    message: `--out ${path}: ${ending === "" ? "the file has no ending" : `".${ending}" is no ending that a result can have`}`,
    hint: `Use ${ENDINGS.map((known) => `.${known}`).join(", ")}${near === undefined ? "" : ` (did you mean .${near}?)`}`,
    file: path,
  };
}

function noFolder(path: string, folder: string): Problem {
  return {
    code: "OUT_FOLDER_MISSING",
    message: `--out ${path}: there is no folder ${folder}`,
    hint: "Make the folder, or name another file",
    file: path,
  };
}

function notWritable(path: string, folder: string): Problem {
  return {
    code: "OUT_FOLDER_READ_ONLY",
    message: `--out ${path}: the folder ${folder} cannot be written to`,
    hint: "Name a file in a folder that you may write to",
    file: path,
  };
}

function isFolder(path: string): Problem {
  return { code: "OUT_IS_FOLDER", message: `--out ${path}: this is a folder`, hint: "Name a file in it", file: path };
}

function wouldReplace(given: string, path: string, what: string): Problem {
  return {
    code: "OUT_WOULD_REPLACE",
    message: `${given}: this file is ${what}`,
    hint: "Give the result a name of its own",
    file: path,
  };
}

function writtenBeside(path: string, beside: string): Problem {
  return {
    code: "OUT_WRITTEN_BESIDE",
    message: `${path} could not be replaced (is it open in another program?): the result is in ${beside}`,
    hint: `Close ${path} there, and use ${beside}`,
    file: beside,
  };
}

function notWritten(path: string, error: Error): Problem {
  const code = "code" in error ? String(error.code) : error.name;
  return {
    code: "OUT_NOT_WRITTEN",
    message: `the result could not be written to ${path} (${code}); what was there before is unchanged`,
    hint: "Free the disk or choose another file; the run itself is in the log (qalyptus-propagate status)",
    file: path,
  };
}
