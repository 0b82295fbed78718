// npm run simulate -- --runs 1000000 --seed 7 [--jobs 2]: lives that many histories through, from that seed on.
import { spawn } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    jobs: { type: "string", default: String(availableParallelism()) },
  },
});
const [runs, seed, most] = [values.runs, values.seed, values.jobs].map((text) => {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0) return number;
  return usage(text);
});

function usage(text) {
  process.stderr.write(`not a whole number: ${text}\nusage: npm run simulate -- [--runs N] [--seed N] [--jobs N]\n`);
  process.exit(2);
}
const jobs = Math.max(1, Math.min(most, Math.ceil(runs / 1000)));
const share = Math.ceil(runs / jobs);
const codes = await Promise.all(
  Array.from({ length: jobs }, (_, job) => {
    const from = seed + job * share;
    const count = Math.max(0, Math.min(share, runs - job * share));
    const vitest = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/simulation/vitest.config.ts"];
    const env = { ...process.env, SIMULATED_FROM: String(from), SIMULATED_HISTORIES: String(count) };
    return new Promise((resolve) => {
      spawn(process.execPath, vitest, { env, stdio: "inherit" }).on("exit", (code) => resolve(code ?? 1));
    });
  }),
);
process.exit(Math.max(...codes));
