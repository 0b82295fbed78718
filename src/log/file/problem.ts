import { codeOf } from "../../files/paths.js";
import { EXIT, type Problem, StopError } from "../../shared/problems.js";
import type { LogRefusal } from "../refusal.js";

/** What the log's adapters tell people, and the stop (exit 6) that goes with it. */

/** Makes the stop for a trouble with the log. */
export function logStop(problem: Problem, cause?: unknown): StopError {
  return new StopError(EXIT.log, problem, cause === undefined ? undefined : { cause });
}

/** A file that is no log of ours, or one that was damaged: never repaired by the program. */
export function refusedLog(path: string, refusal: LogRefusal): StopError {
  const { code, line, what } = refusal;
  const where = { code, file: path, line };
  switch (code) {
    case "LOG_FOREIGN":
      return logStop({
        ...where,
        message: `${path} is not an idempotency log of qalyptus-propagate: line ${line}: ${what}.`,
        hint: "Name the right file with --idempotency-log FILE. The file was not changed.",
      });
    case "LOG_NEWER":
      return logStop({
        ...where,
        message: `The idempotency log ${path} was written by a newer version of qalyptus-propagate: line ${line}: ${what}.`,
        hint: "Update qalyptus-propagate (qalyptus-propagate --version), then run the same command again.",
      });
    case "LOG_DAMAGED":
      return logStop({
        ...where,
        message: `The idempotency log ${path} is damaged: line ${line}: ${what}.`,
        hint:
          "Restore it from a backup. Where there is none: keep this file, start a new log with --idempotency-log NEW-FILE, " +
          "and look at what --adopt --dry-run would take over before you run it with --adopt.",
      });
    default:
      return code satisfies never;
  }
}

/** Whether the disk said no; all else is a stop or a defect. */
export function isDiskError(error: unknown): error is Error {
  return codeOf(error) !== "";
}

/** What the disk said no to, and what to do about it. `doing` completes "cannot …". */
export function diskTrouble(path: string, doing: string, cause: unknown): StopError {
  const code = codeOf(cause) || "unknown";
  const problem = {
    code: "LOG_UNWRITABLE",
    file: path,
    message: `Cannot ${doing} ${path} (${code}).`,
    hint: remedyFor(code),
  };
  return logStop(problem, cause);
}

/** The lock was taken over from a run that may live, and the log stays in the file that this run may have open. */
export function notRenewedWarning(path: string, cause: unknown): Problem {
  return {
    code: "LOG_NOT_RENEWED",
    file: path,
    message:
      `The lock of ${path} was taken over from a run that cannot be looked at, and the log could not be put into a new file ` +
      `(${codeOf(cause) || "unknown"}): should that run wake up in the middle of a write, its line damages the log.`,
    hint: "Make sure that it does not run any more. In a container, mount the log's folder and not the file alone.",
  };
}

/** A link that leads nowhere is a sign of a log that was here: a new one in its place would make every copy a second time. */
export function brokenLink(path: string, target: string): StopError {
  return logStop({
    code: "LOG_LINK_BROKEN",
    file: path,
    message: `The idempotency log ${path} is a symbolic link to ${target}, where no file is.`,
    hint:
      "Put the log back, or mount its disk. Only where there never was a log: make an empty file there, or remove the link; " +
      "then run the same command again.",
    value: target,
  });
}

/** A file that is there but cannot be read. */
export function unreadableLog(path: string, cause: unknown): StopError {
  const stop = diskTrouble(path, "read the idempotency log", cause);
  return logStop({ ...(stop.problems[0] as Problem), code: "LOG_UNREADABLE" }, cause);
}

/** Never a new log beside an old one: it would know nothing of the copies. */
const MOVE_IT = "Or move the log, with what is in it, and name its new place with --idempotency-log FILE.";

function remedyFor(code: string): string {
  switch (code) {
    case "ENOSPC":
    case "EDQUOT":
      return "Make room on that disk, then run the same command again: what was sent is looked up first.";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return `Give this user the right to read and write that folder and file. ${MOVE_IT}`;
    case "ENOENT":
    case "ENOTDIR":
      return `Make the folder, or mount its disk. ${MOVE_IT}`;
    case "EISDIR":
      return "That is a folder. Name a file with --idempotency-log FILE.";
    default:
      return `Look at that disk, then run the same command again. ${MOVE_IT}`;
  }
}

/** The file is not as this run left it. */
export function changedLog(path: string, what: string): StopError {
  return logStop({
    code: "LOG_CHANGED",
    file: path,
    message: `The idempotency log ${path} was changed by somebody else while this run held it: ${what}.`,
    hint: "Nothing more is written to it. Find out what touched the file, put back what it took away, then run the same command again: it reads the log anew.",
  });
}

/** The last group was cut short by a crash. `kept`: where the holder put what it cut off. */
export function tornWarning(
  path: string,
  torn: { readonly line: number; readonly bytes: number; readonly hasNuls: boolean },
  kept?: string,
): Problem {
  const cut = `The last ${torn.bytes} bytes of ${path}, from line ${torn.line} on, were cut short by a crash`;
  return {
    code: "LOG_TORN",
    file: path,
    line: torn.line,
    message: kept === undefined ? `${cut} and are ignored.` : `${cut}; they were moved to ${kept}.`,
    hint:
      kept === undefined
        ? "The next run that writes cuts them off and keeps them beside the log."
        : torn.hasNuls
          ? "NUL bytes are what a disk leaves that lost its power; one that says it has written before it has may have lost what was told. Run sync with --verify once: it holds every copy against the server."
          : "Nothing to do: they were never confirmed as written, so nothing was sent on the strength of them.",
  };
}
