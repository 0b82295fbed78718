import { isDisturbanceSetting } from "./fault-setting.js";
import { type RunningSandbox, USUAL_PORT } from "./server.js";

/** How the program is called, and the manifest that the first lines sync: `compose` or a test may know better. */
export interface StartWords {
  readonly program?: string | undefined;
  readonly manifest?: string | undefined;
}

/**
 * What a person needs when a sandbox has started, a line each: first the two lines to paste, for sh and for PowerShell; then
 * its page, what is fixed, and what a restart does to logs.
 */
export function describeStart(sandbox: RunningSandbox, words: StartWords = {}): readonly string[] {
  const { program = "node bin/qalyptus-propagate.js", manifest = "examples/tenants.csv" } = words;
  const sync = `${program} sync ${manifest} --server ${sandbox.url}`;
  return [
    "Paste one of these into another window:",
    `  sh          QALYPTUS_API_KEY=${sandbox.key} ${sync}`,
    `  PowerShell  $env:QALYPTUS_API_KEY='${sandbox.key}'; ${sync}`,
    "",
    `Its tasks, and which app each report reads: ${sandbox.url}/`,
    ...sandbox.world.tasks.map((task) => `Source task ${task.id}  ${task.name}${mails(task.triggers)}`),
    `Master app  ${sandbox.world.masterAppId}`,
    ...portLines(sandbox),
    ...stateLines(sandbox, manifest),
    ...chaosLines(sandbox),
    "Stop it with Ctrl+C.",
  ];
}

function mails(triggers: readonly { readonly isActive: boolean }[]): string {
  return triggers.some((trigger) => trigger.isActive)
    ? " (its copies would mail by themselves: sync refuses it without --allow-live-source)"
    : "";
}

function portLines(sandbox: RunningSandbox): readonly string[] {
  return sandbox.port === USUAL_PORT ? [] : [`It listens on port ${sandbox.port}, not on the usual ${USUAL_PORT}.`];
}

function stateLines(sandbox: RunningSandbox, manifest: string): readonly string[] {
  if (sandbox.stateFile !== undefined)
    return [`Its tasks are kept in ${sandbox.stateFile}: ${copies(sandbox)} so far.`];
  return [
    `It starts anew each time: logs made against an earlier sandbox are void (here ${manifest}.idempotency.jsonl: remove it).`,
    "To keep the tasks over a restart: --state FILE",
  ];
}

function copies(sandbox: RunningSandbox): string {
  const count = sandbox.tasks().filter((task) => task.copyOf !== undefined).length;
  return count === 1 ? "1 copy" : `${count} copies`;
}

function chaosLines(sandbox: RunningSandbox): readonly string[] {
  const { share = 0, faults = [] } = sandbox.chaos;
  const names = faults.map((fault) => fault.name).join(", ");
  const parts = [...(share > 0 ? [`${share} of all requests are disturbed`] : []), ...(names === "" ? [] : [names])];
  if (parts.length === 0) return [];
  const again = share > 0 || faults.some(isDisturbanceSetting) ? ` (the same again: --seed ${sandbox.seed})` : "";
  return [`Chaos: ${parts.join("; ")}${again}`];
}
