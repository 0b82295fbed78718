import type { LoggedSync, LogState } from "../log/state.js";
import { EXIT, StopError } from "../shared/problems.js";

/** The last sync of this manifest that wrote something; `fileName` left out: of any manifest. Throws exit 7 where there is none. */
export function lastSyncOf(state: LogState, logPath: string, fileName: string | undefined): LoggedSync {
  const last = state
    .syncs()
    .filter((sync) => sync.wrote && (fileName === undefined || sync.manifest.fileName === fileName))
    .at(-1);
  if (last === undefined)
    throw new StopError(EXIT.guard, {
      code: "NOTHING_TO_RESUME",
      message: `the log ${logPath} holds no sync ${fileName === undefined ? "" : `of ${fileName} `}that wrote anything`,
      hint: "Run sync without --resume",
    });
  return last;
}

/** `--resume` is a guard, not a second path. Throws exit 7 where that sync ended well, or its manifest has changed since. */
export function checkResumable(last: LoggedSync, manifest: { readonly path: string; readonly sha256: string }): void {
  if (last.manifest.sha256 !== manifest.sha256)
    throw new StopError(EXIT.guard, {
      code: "MANIFEST_CHANGED",
      message: `${manifest.path} is not what it was when the sync to be resumed began`,
      hint: "Look at the plan with --dry-run, then run sync without --resume: it does only what is left",
      file: manifest.path,
    });
  if (last.end !== undefined && last.end.exitCode === EXIT.ok && last.end.left === 0)
    throw new StopError(EXIT.guard, {
      code: "NOTHING_LEFT",
      message: "the last sync of this manifest ended well, with nothing left",
      hint: "Run sync without --resume to hold the server against the manifest again",
    });
}
