// A run that can be frozen. Arguments: the compiled log-file module, and what to open as JSON. Opens the log as a process
// of another host, appends `first` and says "ready"; then, told to go on, asks whether it may send, appends `next`, and
// answers which problem each met, if any.
import { pathToFileURL } from "node:url";

const { openLogForRun } = await import(pathToFileURL(process.argv[2]).href);
const { request, first, next } = JSON.parse(process.argv[3]);
const machine = {
  platform: () => "linux",
  now: () => Date.now(),
  hostname: () => "another-host",
  uptimeSeconds: () => 1_000,
  readText: () => undefined,
  readLink: () => undefined,
};
const log = await openLogForRun({
  ...request,
  machine,
  command: "sync",
  clock: { now: () => new Date(), monotonic: () => performance.now() },
  ownProcess: { pid: process.pid, exists: () => true },
});

async function problemOf(step) {
  try {
    await step();
    return undefined;
  } catch (error) {
    return error.problems?.[0]?.code ?? error.stack;
  }
}

process.once("message", async () => {
  const sending = await problemOf(() => log.checkMaySend());
  const appending = await problemOf(() => log.append([next]));
  await log.close();
  process.send({ sending, appending });
  process.disconnect();
});
await log.append([first]);
process.send("ready");
