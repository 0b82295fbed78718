// One of several processes that race for locks. Arguments: the compiled log-lock module.
// Told { logPath, at, turns, keep, timing }: spins until `at`, then tries `turns` times. While it holds the lock it makes a witness file
// that only one can make; answers how often it held the lock, and whether it ever met another holder's witness.
import { closeSync, openSync, unlinkSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { acquireLock } = await import(pathToFileURL(process.argv[2]).href);
const exists = (pid) => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code !== "ESRCH";
  }
};
const facts = { pid: process.pid, exists };
let kept;

process.on("message", async (message) => {
  if (message.kind === "release") {
    await kept?.();
    kept = undefined;
    process.send({ kind: "released" });
  } else {
    process.send({ kind: "raced", ...(await race(message)) });
  }
});
process.send({ kind: "ready" });

async function race({ logPath, at, turns, keep, timing }) {
  const witness = `${logPath}.witness`;
  const result = { held: 0, met: 0, refused: 0, troubles: [] };
  while (Date.now() < at);
  for (let turn = 0; turn < turns; turn += 1) {
    try {
      const lock = await acquireLock({
        logPath,
        command: "race",
        ownProcess: facts,
        clock: { now: () => new Date(), monotonic: () => performance.now() },
        timing,
      });
      lock.settle();
      result.held += 1;
      try {
        closeSync(openSync(witness, "wx"));
      } catch (error) {
        result.met += 1;
        result.troubles.push(error.code);
      }
      const release = async () => {
        lock.check();
        unlinkSync(witness);
        const trouble = await lock.release();
        if (trouble !== undefined) result.troubles.push(trouble.message);
      };
      if (keep) kept = release;
      else await release();
      if (keep) break;
    } catch (error) {
      const code = error.problems?.[0]?.code;
      if (code === "LOG_LOCKED") result.refused += 1;
      else result.troubles.push(`${code} ${error.stack}`);
    }
  }
  return result;
}
