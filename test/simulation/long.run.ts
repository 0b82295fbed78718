import { expect, test } from "vitest";
import { INTACT } from "./intact-core.js";
import { runMany } from "./many.js";

const from = Number(process.env.SIMULATED_FROM ?? 1);
const count = Number(process.env.SIMULATED_HISTORIES ?? 10_000);
const CHUNK = 1000;

test(`the histories of seeds ${from} to ${from + count - 1}`, { timeout: 2 ** 31 - 1 }, async () => {
  const stories: string[] = [];
  for (let done = 0; done < count; done += CHUNK) {
    const tally = await runMany(INTACT, { from: from + done, count: Math.min(CHUNK, count - done), atMost: 3 });
    stories.push(...tally.failures.map((failure) => failure.story));
    process.stderr.write(`${Math.min(done + CHUNK, count)} of ${count} histories, ${stories.length} failed\n`);
    if (stories.length >= 5) break;
  }
  expect(stories.join("\n\n")).toBe("");
});
