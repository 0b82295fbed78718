import { readFileSync, readlinkSync } from "node:fs";
import { hostname, platform, uptime } from "node:os";

/** What only `main` may know of this process; handed in. */
export interface ProcessFacts {
  readonly pid: number;
  /** Whether a process of this number exists here, its owner whoever (signal 0: no error, or EPERM). */
  exists(pid: number): boolean;
}

/** What can be read of the machine; handed in by tests. */
export interface MachineFacts {
  /** As `process.platform` says it. */
  platform(): string;
  hostname(): string;
  /** Since 1970, in milliseconds, by the clock that may be set. */
  now(): number;
  uptimeSeconds(): number;
  /** A file's text, or `undefined` where there is none or it may not be read. */
  readText(path: string): string | undefined;
  /** Where a symbolic link points, or `undefined` where there is none. */
  readLink(path: string): string | undefined;
}

/** Who holds a lock. What this platform cannot tell is `undefined`. */
export interface ProcessIdentity {
  readonly host: string;
  /** The installation's ID (`/etc/machine-id`). */
  readonly machine?: string | undefined;
  /** The kernel's start (`boot_id`): the same in every container of a machine. */
  readonly boot?: string | undefined;
  /** When the machine was started, where there is no `boot_id` (Windows, macOS): now less the time it is up, UTC. */
  readonly upSince?: string | undefined;
  /** The space in which `pid` counts (containers have their own), where `/proc` is of that space and of the machine's own time. */
  readonly pidSpace?: string | undefined;
  readonly pid: number;
  /** When the process began, in the kernel's ticks since boot: tells a process from a later one of the same number. */
  readonly start?: string | undefined;
}

/** What can be said of a lock's owner: there, provably gone, or not to be told from here. */
export type OwnerFate = "alive" | "gone" | "unknown";

/** The number that Linux gives to the pid space outside all containers. */
const INITIAL_PID_SPACE = "pid:[4026531836]";

/** The number that Linux gives to the time space that the machine starts in. */
const INITIAL_TIME_SPACE = "time:[4026531834]";

/** Two looks at one machine's start differ by no more, unless its clock was set in between. */
const SAME_START_MS = 5_000;

/** The machine this runs on. */
export const thisMachine: MachineFacts = {
  platform,
  hostname,
  now: Date.now,
  uptimeSeconds: uptime,
  readText: (path) => unlessAbsent(() => readFileSync(path, "utf8")),
  readLink: (path) => unlessAbsent(() => readlinkSync(path)),
};

const ABSENT = new Set(["ENOENT", "ESRCH", "EACCES", "EPERM", "ENOTDIR", "EINVAL", "ENOSYS"]);

function unlessAbsent(read: () => string): string | undefined {
  try {
    return read();
  } catch (error) {
    if (ABSENT.has((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}

/** Who this process is, as its lock says it. `/proc` and `/etc` are read on Linux only: elsewhere they may be anything. */
export function identityOf(ownProcess: ProcessFacts, machine: MachineFacts): ProcessIdentity {
  const place = { host: machine.hostname(), pid: ownProcess.pid };
  if (machine.platform() !== "linux")
    return { ...place, upSince: new Date(machine.now() - machine.uptimeSeconds() * 1000).toISOString() };
  return {
    ...place,
    machine: lineOf(machine.readText("/etc/machine-id")),
    boot: lineOf(machine.readText("/proc/sys/kernel/random/boot_id")),
    pidSpace: pidSpaceOf(ownProcess, machine),
    start: runningProcess(machine.readText("/proc/self/stat"))?.start,
  };
}

/** `unshare --pid` without a `/proc` of its own shows other processes under these numbers; in a time space of its own starts differ. */
function pidSpaceOf({ pid }: ProcessFacts, machine: MachineFacts): string | undefined {
  if (machine.readLink("/proc/self") !== String(pid)) return undefined;
  const time = machine.readLink("/proc/self/ns/time");
  if (time !== undefined && time !== INITIAL_TIME_SPACE) return undefined;
  return machine.readLink("/proc/self/ns/pid");
}

/**
 * Whether a lock's owner is provably gone: on this host, boot and pid space there is no such process (or a later one of
 * its number), or it ran on this machine before its last boot. `ageMs`: since the owner's last sign of life, by the clock
 * of the disk: a sign younger than this boot cannot come from an earlier one, whatever the names say.
 */
export function fateOf(
  owner: ProcessIdentity,
  ageMs: number,
  here: { readonly me: ProcessIdentity; readonly ownProcess: ProcessFacts; readonly machine: MachineFacts },
): OwnerFate {
  const { me, ownProcess, machine } = here;
  if (owner.host !== me.host) return "unknown";
  if (isSameStart(owner.upSince, me.upSince)) {
    // Without its start a process cannot be told from a later one of its number: that one would keep the lock for ever.
    return ownProcess.exists(owner.pid) ? "unknown" : "gone";
  }
  if (owner.boot === undefined || me.boot === undefined) return "unknown";
  if (owner.boot === me.boot) {
    const samePids = owner.pidSpace !== undefined && owner.pidSpace === me.pidSpace;
    return samePids ? fateHere(owner, ownProcess, machine) : "unknown";
  }
  const sameMachine = owner.machine !== undefined && owner.machine === me.machine;
  // Inside a container the machine's ID is often that of the image: then it names no machine.
  const outsideContainers = owner.pidSpace === INITIAL_PID_SPACE && me.pidSpace === INITIAL_PID_SPACE;
  const beforeThisBoot = ageMs > machine.uptimeSeconds() * 1000;
  return sameMachine && outsideContainers && beforeThisBoot ? "gone" : "unknown";
}

function isSameStart(one: string | undefined, other: string | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return Math.abs(Date.parse(one) - Date.parse(other)) <= SAME_START_MS;
}

function fateHere(owner: ProcessIdentity, ownProcess: ProcessFacts, machine: MachineFacts): OwnerFate {
  const found = runningProcess(machine.readText(`/proc/${owner.pid}/stat`));
  // A mount option can hide other users' processes from /proc, never from signal 0.
  if (found === undefined) return ownProcess.exists(owner.pid) ? "unknown" : "gone";
  if (owner.start === undefined) return "unknown";
  return found.start === owner.start && !found.dead ? "alive" : "gone";
}

/** Start (field 22) and state (field 3) from `/proc/PID/stat`; the name in field 2 may hold anything. */
function runningProcess(stat: string | undefined): { readonly start: string; readonly dead: boolean } | undefined {
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  const start = fields[19];
  return start === undefined ? undefined : { start, dead: state === "Z" || state === "X" };
}

function lineOf(text: string | undefined): string | undefined {
  const line = text?.trim();
  return line === "" ? undefined : line;
}
