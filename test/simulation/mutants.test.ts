import { describe, expect, test } from "vitest";
import { runMany } from "./many.js";
import { loadMutant } from "./mutant-core.js";
import { MUTANTS } from "./mutants.js";

/** Within so many histories each broken protocol must be caught. */
const HISTORIES = 10_000;

describe("the simulation catches a protocol that is broken on purpose", () => {
  test.each(MUTANTS)("$name: $harm", { timeout: 300_000 }, async (mutant) => {
    const { core, close } = await loadMutant(mutant);
    try {
      const tally = await runMany(core, { from: mutant.from ?? 1, count: HISTORIES, atMost: 1, shrinks: false });
      expect(tally.failures).toHaveLength(1);
      if (process.env.SHOW_CAUGHT !== undefined)
        process.stderr.write(
          `${mutant.name}: seed ${tally.failures[0]?.seed}: ${tally.failures[0]?.story.split("\n")[0]}\n`,
        );
    } finally {
      await close();
    }
  });

  test("a mutant whose text is no longer in the source is an error, not a pass", async () => {
    const stale = { name: "stale", harm: "", changes: [{ file: "run/send.ts", from: "no such text", to: "" }] };
    await expect(loadMutant(stale)).rejects.toThrow("not once in run/send.ts");
  });
});
