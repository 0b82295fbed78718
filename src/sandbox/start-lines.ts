import { isDisturbanceSetting } from "./chaos.js";
import { type RunningSandbox, USUAL_PORT } from "./server.js";

/**
 * What a person needs when a sandbox has started, a line each: first the two lines to paste, for sh and for PowerShell; then
 * its page, what is fixed, and what a restart does to logs. `program`: how the program is called.
 */
export function describeStart(
  sandbox: RunningSandbox,
  program = "node bin/qalyptus-propagate.js",
  manifest = "examples/tenants.csv",
): readonly string[] {
  const { url, key, port, world, stateFile, chaos } = sandbox;
  const { share = 0, faults = [] } = chaos;
  const sync = `${program} sync ${manifest} --server ${url}`;
  const copies = sandbox.tasks().filter((task) => task.copyOf !== undefined).length;
  const disturbed = [...(share > 0 ? [`${share} of all requests are disturbed`] : [])];
  const parts = [...disturbed, faults.map((fault) => fault.name).join(", ")].filter((part) => part !== "");
  const again = share > 0 || faults.some(isDisturbanceSetting) ? ` (the same again: --seed ${sandbox.seed})` : "";
  return [
    "Paste one of these into another window:",
    `  sh          QALYPTUS_API_KEY=${key} ${sync}`,
    `  PowerShell  $env:QALYPTUS_API_KEY='${key}'; ${sync}`,
    "",
    `Its tasks, and which app each report reads: ${url}/`,
    ...world.tasks.map(({ id, name, triggers }) => {
      const mails = triggers.some((trigger) => trigger.isActive);
      const note = " (its copies would mail by themselves: sync refuses it without --allow-live-source)";
      return `Source task ${id}  ${name}${mails ? note : ""}`;
    }),
    `Master app  ${world.masterAppId}`,
    ...(port === USUAL_PORT ? [] : [`It listens on port ${port}, not on the usual ${USUAL_PORT}.`]),
    ...(stateFile === undefined
      ? [
          `It starts anew each time: logs made against an earlier sandbox are void (here ${manifest}.idempotency.jsonl: remove it).`,
          "To keep the tasks over a restart: --state FILE",
        ]
      : [`Its tasks are kept in ${stateFile}: ${copies === 1 ? "1 copy" : `${copies} copies`} so far.`]),
    ...(parts.length === 0 ? [] : [`Chaos: ${parts.join("; ")}${again}`]),
    "Stop it with Ctrl+C.",
  ];
}
