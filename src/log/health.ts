import { type Check, failed, passed, skipped, warned } from "../shared/diagnosis.js";
import type { LogHead } from "../shared/outcome.js";
import { EXIT, type Problem } from "../shared/problems.js";
import { listed, quote } from "../shared/quotation.js";
import type { LogState, SourceStop } from "./state.js";
import { hasOpenWrite, type TenantState } from "./tenant-state.js";

/** A lock as it was seen. `fate`: what can be said of its owner. */
export interface SeenLock {
  readonly id: string;
  readonly owner: string;
  readonly silentMs: number;
  readonly fate: "alive" | "gone" | "unknown";
}

/** After so long without a heartbeat a lock whose owner cannot be looked at is taken over. */
const TAKEN_OVER_AFTER_MS = 60_000;
/** A write that is durable only after this makes a run of many tenants slow. */
const SLOW_SYNC_MS = 200;
const DIGEST_SHOWN = 12;

/** Judges a log that could be read: its head, its tenants, what is open in it. */
export function judgeLog(of: {
  readonly path: string;
  /** `undefined`: there is no log yet. */
  readonly head: LogHead | undefined;
  readonly state: LogState;
  readonly warnings: readonly Problem[];
}): Check {
  const { path, head, state, warnings } = of;
  if (head === undefined) return passed("log", `there is no ${path} yet: the first sync makes it`);
  const tenants = [...state.tenants()];
  const problems = [...warnings, ...doubts(tenants), ...stops(tenants, state)];
  const shown = `${path}: ${tenants.length} ${tenants.length === 1 ? "tenant" : "tenants"}, head ${head.seq} ${head.digest.slice(0, DIGEST_SHOWN)}`;
  if (problems.length === 0) return passed("log", `${shown}, nothing in doubt`);
  return warned("log", problems, `${shown}; ${problems.map((problem) => problem.message).join("; ")}`);
}

function doubts(tenants: readonly TenantState[]): readonly Problem[] {
  const open = tenants.filter(hasOpenWrite);
  if (open.length === 0) return [];
  const names = listed(open.map((tenant) => quote(tenant.tenant)));
  return [
    {
      code: "DOUBT",
      message: `${open.length} in doubt: ${names}`,
      hint: "The next sync looks them up and settles them; status shows each",
    },
  ];
}

function stops(tenants: readonly TenantState[], state: LogState): readonly Problem[] {
  const sources = [...new Set(tenants.map((tenant) => tenant.sourceTaskId))];
  return sources.flatMap((id) => {
    const stop: SourceStop | undefined = state.source(id).stop;
    if (stop === undefined) return [];
    return [
      {
        code: "SOURCE_STOPPED",
        message: `creates of the source task ${id} are stopped: its copy ${stop.newTaskId} did not read back right (${stop.code})`,
        hint: "Look at that copy on the server; often the other --report-id, or a key whose role sees the copies, helps",
      },
    ];
  });
}

/** Judges whether a sync could take the log's lock. `sync`: the command that would, to be pasted. */
export function judgeLock(
  lock: SeenLock | undefined,
  { path, sync }: { readonly path: string; readonly sync: string },
): Check {
  if (lock === undefined) return passed("lock", "free");
  const age = `its last heartbeat is ${Math.round(lock.silentMs / 1000)} s old`;
  const held = `${lock.owner} holds it; ${age}; its ID is ${lock.id}`;
  if (lock.fate === "gone")
    return passed("lock", `left behind by ${lock.owner}, which runs no more: the next sync takes it over`);
  if (lock.fate === "unknown" && lock.silentMs >= TAKEN_OVER_AFTER_MS)
    return warned("lock", [
      {
        code: "LOCK_SILENT",
        message: `${held}. The next sync watches it for a moment, then takes it over`,
        hint: `Where you know that it does not run any more, it need not wait: ${sync} --break-lock ${lock.id}`,
        file: path,
      },
    ]);
  const problem = {
    code: "LOG_LOCKED",
    message: held,
    hint: `${lock.fate === "alive" ? "Wait until it has ended" : "Wait: without a heartbeat for 60 s it is taken over by itself"}. Only if you know that it does not run any more: ${sync} --break-lock ${lock.id}`,
    file: path,
    value: lock.id,
  };
  return failed("lock", { exitCode: EXIT.log, problems: [problem] });
}

/** Judges how long the log's disk takes to make one write durable. */
export function judgeDisk(ms: number, folder: string): Check {
  const shown = `a write in ${folder} is durable after ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  if (ms < SLOW_SYNC_MS) return passed("disk", shown);
  return warned("disk", [
    {
      code: "DISK_SLOW",
      message: `${shown}: every write of a run waits for that`,
      hint: "Keep the log on a local disk with --idempotency-log FILE, if this one is a network's",
    },
  ]);
}

/** Log, lock and disk where no log is named. */
export function unnamedLog(why: string): readonly Check[] {
  const hint = "Name the manifest, or the log with --idempotency-log FILE";
  return [skipped("log", why, hint), skipped("lock", "no log is named"), skipped("disk", "no log is named")];
}
