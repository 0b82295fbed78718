import { realpathSync } from "node:fs";

/** There is nothing to be asked another way: no file, or no end of links. */
const FINAL = new Set(["ENOENT", "ENOTDIR", "ELOOP"]);

/**
 * A path without symbolic links; throws what the disk says, ENOENT where nothing is there. RAM and virtual disks on Windows do not
 * answer the system's own call (EISDIR, EINVAL, UNKNOWN): there the links are followed one by one.
 */
export function realPath(path: string, ask: (path: string) => string = realpathSync.native): string {
  try {
    return ask(path);
  } catch (error) {
    if (error instanceof Error && "code" in error && FINAL.has(String(error.code))) throw error;
    return realpathSync(path);
  }
}
