import { readFileSync } from "node:fs";

/** The version in this package's package.json, which stands beside `dist` as it does beside `src`. */
export function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  const content: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (typeof content === "object" && content !== null && "version" in content && typeof content.version === "string")
    return content.version;
  throw new Error("package.json has no version");
}
