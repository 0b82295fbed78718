import type { Core } from "./core.js";
import { historyOf } from "./history.js";
import { runOne } from "./run-one.js";
import { shrunk, toldStory } from "./shrink.js";

/** What came of many histories. */
export interface Tally {
  /** Each failing seed with its shrunk story. */
  readonly failures: readonly { readonly seed: number; readonly invariant: string; readonly story: string }[];
  /** How often what was met, over all histories. */
  readonly met: ReadonlyMap<string, number>;
}

/** Lives the histories of `count` seeds through, from `from` on; stops after `atMost` failures. */
export async function runMany(
  core: Core,
  of: { readonly from: number; readonly count: number; readonly atMost?: number; readonly shrinks?: boolean },
): Promise<Tally> {
  const failures: Tally["failures"][number][] = [];
  const met = new Map<string, number>();
  for (let seed = of.from; seed < of.from + of.count; seed += 1) {
    const history = historyOf(seed);
    const verdict = await runOne(history, core);
    for (const [what, times] of verdict.met) met.set(what, (met.get(what) ?? 0) + times);
    if (verdict.violation === undefined) continue;
    const small = of.shrinks === false ? { history, verdict } : await shrunk(history, core);
    failures.push({
      seed,
      invariant: verdict.violation.invariant,
      story: toldStory(small.history, small.verdict),
    });
    if (failures.length >= (of.atMost ?? 1)) break;
  }
  return { failures, met };
}
