import { randomUUID } from "node:crypto";
import { createServer, type Server } from "node:http";
import { EXIT, StopError } from "../shared/problems.js";
import { Api } from "./api.js";
import { behaviourOf, type ReportIdKind, type TakenNames } from "./behaviour.js";
import { SeededChance } from "./chance.js";
import { Chaos } from "./chaos.js";
import { Counter, type Counts } from "./counts.js";
import { Door } from "./door.js";
import { type ExchangeDeps, type ExchangeNote, serve } from "./exchange.js";
import { checkFault, type FaultSetting, isDisturbanceSetting } from "./fault-setting.js";
import { Pauses } from "./pauses.js";
import { contentOf, type SandboxTask, type Swap, TaskStore } from "./task-store.js";
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
  /** What happens to a name that a task has already; `allow` unless given. */
  readonly names?: TakenNames | undefined;
  /** Which of a report's two IDs bodies must have; `row` unless given. */
  readonly reportIds?: ReportIdKind | undefined;
  /** Whether reports show their mappings; they do unless told otherwise. */
  readonly showMappings?: boolean | undefined;
  readonly now?: (() => Date) | undefined;
  /** IDs of tasks and rows, instead of those that the seed gives. */
  readonly uuid?: (() => string) | undefined;
  /** Told of every exchange once its answer is decided. */
  readonly onExchange?: ((note: ExchangeNote) => void) | undefined;
}

/** One report of a task, as it truly is. */
export interface ReportSnapshot {
  readonly rowId: string;
  readonly reportId: string;
  readonly name: string;
  readonly mappings: readonly Swap[];
}

/** One task, as it truly is, whatever the server shows. */
export interface TaskSnapshot {
  readonly id: string;
  readonly name: string;
  /** The task that it was duplicated from; `undefined`: a source task. */
  readonly copyOf: string | undefined;
  readonly createdAt: string;
  readonly reports: readonly ReportSnapshot[];
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
  counts(): Counts;
  /** Stops at once: connections are cut, late work still to come is dropped, the state file is left whole. May be called twice. */
  close(): Promise<void>;
}

/**
 * Starts a stand-in for a Qalyptus server on loopback. Throws a StopError (exit 2) where an option is wrong, the state file
 * is not a sandbox's, or the port cannot be had.
 */
export async function startSandbox(options: SandboxOptions = {}): Promise<RunningSandbox> {
  checkOptions(options);
  const world = options.world ?? SANDBOX_WORLD;
  const chance = new SeededChance(String(options.seed ?? randomUUID().slice(0, 8)));
  const now = options.now ?? (() => new Date());
  const { stateFile, uuid } = options;
  const store = await TaskStore.open({ world, chance, now, uuid, stateFile });
  await firstSave(store, stateFile);
  const deps = exchangeDeps(options, { world, chance, now, store });
  const server = createServer((request, response) => void serve(request, response, deps));
  const port = await listen(server, options.port);
  let closing: Promise<void> | undefined;
  return {
    url: `http://${HOST}:${port}`,
    port,
    key: world.key,
    world,
    seed: chance.seed,
    stateFile,
    chaos: options.chaos ?? {},
    tasks: () => store.tasks().map(snapshotOf),
    counts: () => deps.counter.counts(),
    close: () => {
      closing ??= close(server, deps.pauses).then(() => store.idle());
      return closing;
    },
  };
}

function exchangeDeps(
  options: SandboxOptions,
  made: { readonly world: World; readonly chance: SeededChance; readonly now: () => Date; readonly store: TaskStore },
): ExchangeDeps {
  const faults = options.chaos?.faults ?? [];
  const behaviour = behaviourOf(options, faults);
  const counter = new Counter();
  const onExchange = options.onExchange ?? (() => {});
  return {
    ...made,
    behaviour,
    api: new Api({ ...made, behaviour }),
    door: new Door(made.world.key, behaviour),
    chaos: new Chaos({
      chance: made.chance,
      share: options.chaos?.share ?? 0,
      settings: faults.filter(isDisturbanceSetting),
    }),
    counter,
    pauses: new Pauses(),
    latencyMs: options.latencyMs ?? 0,
    onExchange,
    onMade: () => counter.madeCopy(),
    onLateFailure: (error) => onExchange({ method: "POST", path: "(late work)", answer: "cut", fault: "late", error }),
  };
}

function checkOptions(options: SandboxOptions): void {
  for (const fault of options.chaos?.faults ?? []) checkFault(fault);
  const share = options.chaos?.share ?? 0;
  if (!(share >= 0 && share <= 1))
    throw new StopError(EXIT.usage, {
      code: "CHAOS_SHARE",
      message: `--chaos takes a share from 0 to 1, not ${share}`,
      hint: "--chaos 0.2 disturbs one request in five",
    });
}

/** A state file that cannot be written is told at the start, not at the first copy. */
async function firstSave(store: TaskStore, path: string | undefined): Promise<void> {
  try {
    await store.save();
  } catch (cause) {
    throw new StopError(
      EXIT.usage,
      {
        code: "STATE_UNWRITABLE",
        message: `the state file ${path} cannot be written${cause instanceof Error ? `: ${cause.message}` : ""}`,
        hint: "Give --state a file in a folder that this user may write to",
        file: path,
      },
      { cause },
    );
  }
}

async function listen(server: Server, wanted: number | undefined): Promise<number> {
  try {
    return await listenOn(server, wanted ?? USUAL_PORT);
  } catch (cause) {
    if (wanted === undefined) return listenOn(server, 0);
    throw new StopError(
      EXIT.usage,
      {
        code: "PORT_TAKEN",
        message: `the sandbox cannot listen on ${HOST}:${wanted}${cause instanceof Error ? `: ${cause.message}` : ""}`,
        hint: "Leave --port out: then any free port is taken",
      },
      { cause },
    );
  }
}

function listenOn(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: HOST, port, exclusive: true }, () => {
      server.off("error", reject);
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : port);
    });
  });
}

function close(server: Server, pauses: Pauses): Promise<void> {
  pauses.end();
  return new Promise((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)));
    server.closeAllConnections();
  });
}

function snapshotOf(task: SandboxTask): TaskSnapshot {
  return {
    id: task.id,
    name: task.name,
    copyOf: task.copyOf ?? undefined,
    createdAt: task.createdAt,
    reports: task.reports.map((report) => ({ ...report, name: contentOf(task, report).name })),
  };
}
