import { randomBytes, randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { EXIT, stopError } from "../shared/problems.js";
import { counted } from "../shared/text-safety.js";
import { Api } from "./api.js";
import { Chaos, SeededChance } from "./chaos.js";
import { behaviourOf, disturbanceOf, type FaultSetting } from "./faults.js";
import { Requests } from "./requests.js";
import { TaskStore } from "./store.js";
import { MASTER_APP_ID, USUAL_WORLD, type World } from "./world.js";

/** The port of the vendor's own examples: the sandbox's too, unless it is taken. */
const USUAL_PORT = 3994;
/** Loopback, and nothing else. */
const HOST = "127.0.0.1";

/** How a sandbox is started. Everything may be left out. */
export interface SandboxOptions {
  /** 0: any free port. Left out: 3994, or any free one where that is taken. */
  readonly port?: number | undefined;
  /** The API key that it takes. Left out: another one at each start, which nobody can know beforehand. */
  readonly key?: string | undefined;
  /** How long every API request takes before its work is done, in milliseconds. */
  readonly latencyMs?: number | undefined;
  /** Tasks outlive a restart in this file. */
  readonly stateFile?: string | undefined;
  /** `share`: of all requests, from 0 to 1, that get one of the faults that may be drawn. */
  readonly chaos?: { readonly share?: number; readonly faults?: readonly FaultSetting[] } | undefined;
  /** The same seed gives the same faults to the same requests, and the same IDs to the same copies. */
  readonly seed?: string | number | undefined;
  /** Its source tasks and apps. Left out: its own. */
  readonly world?: World | undefined;
  readonly now?: (() => Date) | undefined;
  /** Told what went wrong inside the sandbox: its state file could not be written. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** A sandbox that listens. */
export type RunningSandbox = Awaited<ReturnType<typeof startSandbox>>;

/**
 * Starts a stand-in for a Qalyptus server on loopback. Throws a StopError (exit 2) where an option is wrong, the state file
 * is not a sandbox's, or the port cannot be had.
 */
export async function startSandbox(options: SandboxOptions = {}) {
  const { stateFile, chaos = {}, now = () => new Date(), world = USUAL_WORLD } = options;
  const { key = `sandbox-${randomBytes(16).toString("hex")}` } = options;
  const { share = 0, faults = [] } = chaos;
  const chance = new SeededChance(String(options.seed ?? randomInt(2 ** 32)));
  const store = await TaskStore.open(chance, now, stateFile, world);
  const behaviour = behaviourOf(faults);
  const requests = new Requests({
    ...{ key, store, behaviour, now, latencyMs: options.latencyMs ?? 0 },
    api: new Api({ store, behaviour, chance, world }),
    chaos: new Chaos(chance, share, faults),
    onFailure: options.onFailure ?? (() => {}),
  });
  const server = createServer((request, response) => void requests.serve(request, response));
  const port = await listen(server, options.port);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    requests.end();
    server.close();
    server.closeAllConnections();
    await once(server, "close");
    await store.idle();
  };
  return {
    /** Without a slash at its end. */
    url: `http://${HOST}:${port}`,
    ...{ port, key, seed: chance.seed, stateFile, chaos, world },
    /** Every task as it truly is, whatever the server shows, in the order in which they were made. */
    tasks: () => store.tasks(),
    counts: () => requests.counts(),
    /** Stops at once: connections are cut, late work still to come is dropped, the state file is left whole. May be called twice. */
    close: (): Promise<void> => {
      closing ??= close();
      return closing;
    },
  };
}

async function listen(server: Server, wanted: number | undefined): Promise<number> {
  try {
    server.listen({ host: HOST, port: wanted ?? USUAL_PORT, exclusive: true });
    await once(server, "listening");
  } catch (cause) {
    if (wanted === undefined) return listen(server, 0);
    const message = `the sandbox cannot listen on ${HOST}:${wanted}${cause instanceof Error ? `: ${cause.message}` : ""}`;
    throw stopError(EXIT.usage, "PORT_TAKEN", message, {}, cause);
  }
  return (server.address() as AddressInfo).port;
}

/** The line that syncs with a sandbox, as each shell reads it from any folder. */
export interface PastedSync {
  readonly sh: string;
  readonly powershell: string;
}

/**
 * What a person needs when a sandbox has started, a line each: first the two lines to paste, for sh and for PowerShell; then
 * its page, what it knows, and what a restart does.
 */
export function describeStart(sandbox: RunningSandbox, sync: PastedSync): readonly string[] {
  const { url, key, port, stateFile, chaos, world } = sandbox;
  const { share = 0, faults = [] } = chaos;
  const copies = sandbox.tasks().filter((task) => task.copyOf !== null).length;
  const disturbed = share > 0 ? `${share} of all requests are disturbed` : "";
  const parts = [disturbed, faults.map((fault) => fault.name).join(", ")].filter((part) => part !== "");
  const again =
    share > 0 || faults.some(({ name }) => disturbanceOf(name) !== undefined)
      ? ` (the same again: --seed ${sandbox.seed})`
      : "";
  return [
    "Paste one of these into another window:",
    `  sh          QALYPTUS_API_KEY=${key} ${sync.sh}`,
    `  PowerShell  $env:QALYPTUS_API_KEY='${key}'; ${sync.powershell}`,
    "",
    `Its tasks, and which app each report reads: ${url}/`,
    ...world.sourceTasks.map(({ id, name, triggers }) => {
      const mails = triggers.some((trigger) => trigger.isActive);
      const note = " (its copies would mail by themselves: sync refuses it without --allow-live-source)";
      return `Source task ${id}  ${name}${mails ? note : ""}`;
    }),
    ...(world === USUAL_WORLD ? [`Master app  ${MASTER_APP_ID}`] : []),
    `Apps and source tasks: ${world.told}.`,
    ...(port === USUAL_PORT ? [] : [`It listens on port ${port}, not on the usual ${USUAL_PORT}.`]),
    ...(stateFile === undefined
      ? ["It starts anew each time, and so does the log of the lines above. To keep both over a restart: --state FILE"]
      : [
          `Its tasks are kept in ${stateFile}: ${counted(copies, "copy", "copies")} so far; the log of the lines above stands beside it.`,
        ]),
    ...(parts.length === 0 ? [] : [`Chaos: ${parts.join("; ")}${again}`]),
    "Stop it with Ctrl+C.",
  ];
}
