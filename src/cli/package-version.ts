import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Where package.json stands, seen from a bundle in `dist` and from this file in `src/cli`. */
const PLACES = ["..", "../.."];

/** The version in this package's own package.json. */
export function packageVersion(): string {
  for (const place of PLACES) {
    const content = readPackage(join(import.meta.dirname, place, "package.json"));
    if (content?.name === "qalyptus-propagate" && typeof content.version === "string") return content.version;
  }
  throw new Error("package.json has no version");
}

function readPackage(file: string): { readonly name?: unknown; readonly version?: unknown } | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(file, "utf8"));
    return typeof content === "object" && content !== null ? content : undefined;
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}
