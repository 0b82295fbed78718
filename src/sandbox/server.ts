import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import { EXIT, problem, StopError } from "../shared/problems.js";
import { Api } from "./api.js";
import { Chaos, SeededChance } from "./chaos.js";
import { checkFault } from "./fault-setting.js";
import { behaviourOf, type FaultSetting } from "./faults.js";
import { Requests } from "./requests.js";
import { contentOf, type Swap, TaskStore } from "./store.js";
import { SANDBOX_WORLD, type World } from "./world.js";

/** The port of the vendor's own examples: the sandbox's too, unless it is taken. */
export const USUAL_PORT = 3994;
/** Loopback, and nothing else: the sandbox's key is public. */
const HOST = "127.0.0.1";

/** What goes wrong in a sandbox. */
export interface ChaosOptions {
  /** The share of all requests, from 0 to 1, that gets one of the faults that may be drawn. */
  readonly share?: number | undefined;
  readonly faults?: readonly FaultSetting[] | undefined;
}

/** How a sandbox is started. Everything may be left out. */
export interface SandboxOptions {
  /** 0: any free port. Left out: 3994, or any free one where that is taken. */
  readonly port?: number | undefined;
  /** How long every API request takes before its work is done, in milliseconds. */
  readonly latencyMs?: number | undefined;
  /** Tasks outlive a restart in this file. */
  readonly stateFile?: string | undefined;
  readonly world?: World | undefined;
  readonly chaos?: ChaosOptions | undefined;
  /** The same seed gives the same faults to the same requests, and the same IDs to the same copies. */
  readonly seed?: string | number | undefined;
  readonly now?: (() => Date) | undefined;
  /** Told what went wrong inside the sandbox: its state file could not be written. */
  readonly onFailure?: ((error: unknown) => void) | undefined;
}

/** One task, as it truly is, whatever the server shows. */
export interface TaskSnapshot {
  readonly id: string;
  readonly name: string;
  /** The task that it was duplicated from; `undefined`: a source task. */
  readonly copyOf: string | undefined;
  readonly createdAt: string;
  readonly reports: readonly {
    readonly rowId: string;
    readonly reportId: string;
    readonly name: string;
    readonly mappings: readonly Swap[];
  }[];
}

/** A sandbox that listens. */
export interface RunningSandbox {
  /** `http://127.0.0.1:PORT`, without a slash at its end. */
  readonly url: string;
  readonly port: number;
  readonly key: string;
  readonly world: World;
  readonly seed: string;
  readonly stateFile: string | undefined;
  readonly chaos: ChaosOptions;
  /** Every task, in the order in which they were made. */
  tasks(): readonly TaskSnapshot[];
  counts(): ReturnType<Requests["counts"]>;
  /** Stops at once: connections are cut, late work still to come is dropped, the state file is left whole. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts a stand-in for a Qalyptus server on loopback. Throws a StopError (exit 2) where an option is wrong, the state file
 * is not a sandbox's, or the port cannot be had.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<RunningSandbox> {
  const { stateFile, chaos = {}, now = () => new Date(), world = SANDBOX_WORLD } = options;
  const { share = 0, faults = [] } = chaos;
  for (const fault of faults) checkFault(fault);
  if (!(share >= 0 && share <= 1))
    throw new StopError(EXIT.usage, problem("CHAOS_SHARE", `--chaos takes a share from 0 to 1, not ${share}`));
  const chance = new SeededChance(String(options.seed ?? randomUUID().slice(0, 8)));
  const store = await TaskStore.open({ world, chance, now, stateFile });
  const behaviour = behaviourOf(faults);
  const requests = new Requests({
    ...{ store, behaviour, now, key: world.key, latencyMs: options.latencyMs ?? 0 },
    api: new Api({ store, behaviour, world, chance }),
    chaos: new Chaos(chance, share, faults),
    onFailure: options.onFailure ?? (() => {}),
  });
  const server = createServer((request, response) => void requests.serve(request, response));
  const port = await listen(server, options.port);
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    requests.end();
    const closed = new Promise<void>((resolve, reject) =>
      server.close((error) => (error === undefined ? resolve() : reject(error))),
    );
    server.closeAllConnections();
    await closed;
    await store.idle();
  };
  return {
    ...{ url: `http://${HOST}:${port}`, port, key: world.key, world, seed: chance.seed, stateFile, chaos },
    tasks: () =>
      store.tasks().map((task) => ({
        id: task.id,
        name: task.name,
        copyOf: task.copyOf ?? undefined,
        createdAt: task.createdAt,
        reports: task.reports.map((report) => ({ ...report, name: contentOf(task, report).name })),
      })),
    counts: () => requests.counts(),
    close: () => {
      closing ??= close();
      return closing;
    },
  };
}

async function listen(server: Server, wanted: number | undefined): Promise<number> {
  const listenOn = (port: number): Promise<number> =>
    new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: HOST, port, exclusive: true }, () => {
        server.off("error", reject);
        const address = server.address();
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  try {
    return await listenOn(wanted ?? USUAL_PORT);
  } catch (cause) {
    if (wanted === undefined) return listenOn(0);
    const message = `the sandbox cannot listen on ${HOST}:${wanted}${cause instanceof Error ? `: ${cause.message}` : ""}`;
    throw new StopError(EXIT.usage, problem("PORT_TAKEN", message), { cause });
  }
}
