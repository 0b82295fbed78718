import { placeResultFile, type ResultTarget } from "../files/write-file.js";
import type { Manifest } from "../manifest/manifest.js";
import type { RunResult } from "../shared/outcome.js";
import type { Problem } from "../shared/problems.js";

/** What went wrong with one `--out` file. `fatal`: there is no such file now. */
export interface FileTrouble {
  readonly problem: Problem;
  readonly fatal: boolean;
}

/** Writes a result to each `--out` file, whole or not at all. */
export async function writeResultFiles(
  targets: readonly ResultTarget[],
  result: RunResult,
  manifest: Manifest | undefined,
): Promise<readonly FileTrouble[]> {
  if (targets.length === 0) return [];
  const { renderResult } = await import("../results/renderers.js");
  const trouble: FileTrouble[] = [];
  // HTML is the one that may need more memory than there is: the others are safe by then.
  const lastHtml = [...targets].sort((a, b) => Number(a.format === "html") - Number(b.format === "html"));
  for (const target of lastHtml) {
    const placed = await placeResultFile(target, renderResult(target.format, result, manifest));
    if (placed.kind !== "placed") trouble.push({ problem: placed.problem, fatal: placed.kind === "failed" });
  }
  return trouble;
}
