import { type Check, failed, passed, warned } from "../shared/diagnosis.js";
import { EXIT, type Problem, problem } from "../shared/problems.js";
import type { LogHead } from "../shared/results.js";
import { listed, quote } from "../shared/text-safety.js";
import type { LogState } from "./state.js";
import { hasOpenWrite } from "./tenant-state.js";

/** A lock as it was seen. */
export interface SeenLock {
  readonly id: string;
  /** "sync" on host acme-01, process 4711, since … */
  readonly owner: string;
  /** Since its last heartbeat. */
  readonly silentMs: number;
  /** What can be said of its owner: there, provably gone, or not to be told from here. */
  readonly ownerState: "alive" | "gone" | "unknown";
}

/** After so long without a heartbeat a lock whose owner cannot be looked at is taken over. */
const TAKEN_OVER_AFTER_MS = 60_000;
/** A write that is durable only after this makes a run of many tenants slow. */
const SLOW_SYNC_MS = 200;
const DIGEST_SHOWN = 12;

/** Judges a log that could be read: its head, its tenants, what is open in it. `head` is `undefined` where there is no log yet. */
export function judgeLog(log: {
  readonly path: string;
  readonly head: LogHead | undefined;
  readonly state: LogState;
  readonly warnings: readonly Problem[];
}): Check {
  const { path, head, state, warnings } = log;
  if (head === undefined) return passed("log", `there is no ${path} yet: the first sync makes it`);
  const tenants = [...state.tenants()];
  const problems = [...warnings];
  const open = tenants.filter(hasOpenWrite);
  if (open.length > 0) {
    const names = listed(open.map((tenant) => quote(tenant.tenant)));
    const hint = "The next sync looks them up and settles them; status shows each";
    problems.push(problem("DOUBT", `${open.length} in doubt: ${names}`, { hint }));
  }
  for (const id of new Set(tenants.map((tenant) => tenant.sourceTaskId))) {
    const { stop } = state.source(id);
    if (stop === undefined) continue;
    const message = `creates of the source task ${id} are stopped: its copy ${stop.newTaskId} did not read back right (${stop.code})`;
    const hint =
      "Look at that copy on the server; often the other --report-id, or a key whose role sees the copies, helps";
    problems.push(problem("SOURCE_STOPPED", message, { hint }));
  }
  const shown = `${path}: ${tenants.length} ${tenants.length === 1 ? "tenant" : "tenants"}, head ${head.seq} ${head.digest.slice(0, DIGEST_SHOWN)}`;
  if (problems.length === 0) return passed("log", `${shown}, nothing in doubt`);
  return warned("log", problems, `${shown}; ${problems.map(({ message }) => message).join("; ")}`);
}

/** What is told of a lock that may not be taken. `breaking`: what goes before `--break-lock` to break it. */
export function lockedProblem(lock: SeenLock, file: string, breaking: string): Problem {
  const { id, owner, silentMs, ownerState } = lock;
  const wait =
    ownerState === "alive"
      ? "Wait until it has ended"
      : "Wait: without a heartbeat for 60 s it is taken over by itself (its process cannot be looked at from here)";
  const message = `The idempotency log ${file} is locked by ${owner}; its last heartbeat is ${Math.max(0, Math.round(silentMs / 1000))} s old; the lock's ID is ${id}.`;
  const hint = `${wait}. Only if you know that it does not run any more: ${breaking} --break-lock ${id}`;
  return problem("LOG_LOCKED", message, { file, value: id, hint });
}

/** Judges whether a sync could take the log's lock. `sync`: the command that would, to be pasted. */
export function judgeLock(
  lock: SeenLock | undefined,
  { path, sync }: { readonly path: string; readonly sync: string },
): Check {
  if (lock === undefined) return passed("lock", "free");
  if (lock.ownerState === "gone")
    return passed("lock", `left behind by ${lock.owner}, which runs no more: the next sync takes it over`);
  const locked = lockedProblem(lock, path, sync);
  if (lock.ownerState === "alive" || lock.silentMs < TAKEN_OVER_AFTER_MS)
    return failed("lock", { exitCode: EXIT.log, problems: [locked] });
  const message = `${locked.message} The next sync watches it for a moment, then takes it over`;
  const hint = `Where you know that it does not run any more, it need not wait: ${sync} --break-lock ${lock.id}`;
  return warned("lock", [problem("LOCK_SILENT", message, { file: path, hint })]);
}

/** Judges how long the log's disk takes to make one write durable. */
export function judgeDisk(ms: number, folder: string): Check {
  const shown = `a write in ${folder} is durable after ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < SLOW_SYNC_MS) return passed("disk", shown);
  return warned("disk", [problem("DISK_SLOW", `${shown}: every write of a run waits for that`)]);
}
