import { readlinkSync } from "node:fs";
import { hostname, platform, uptime } from "node:os";
import { MOST_BYTES, readOpen, withOpenFile } from "../../files/open-file.js";
import { orMissing } from "../../files/paths.js";
import type { SeenLock } from "../port.js";
import type { ProcessIdentity } from "./lock-files.js";

/** What only `main` may know of this process; handed in. */
export interface ProcessFacts {
  readonly pid: number;
  /** Whether a process of this number exists here, its owner whoever (signal 0: no error, or EPERM). */
  exists(pid: number): boolean;
}

/** The machine this runs on, as far as it can be read; tests hand in another. */
export const thisMachine = {
  /** As `process.platform` says it. */
  platform: (): string => platform(),
  hostname: (): string => hostname(),
  /** Since 1970, in milliseconds, by the clock that may be set. */
  now: (): number => Date.now(),
  uptimeSeconds: (): number => uptime(),
  /** A file's text, or `undefined` where there is none or it may not be read. */
  readText: (path: string): string | undefined =>
    orMissing(() => withOpenFile(path, (file) => readOpen(file, MOST_BYTES.key)).toString("utf8")),
  /** Where a symbolic link points, or `undefined` where there is none. */
  readLink: (path: string): string | undefined => orMissing(() => readlinkSync(path)),
};

export type MachineFacts = typeof thisMachine;

/** The numbers that Linux gives to the pid space outside all containers, and to the time space that the machine starts in. */
const INITIAL_PID_SPACE = "pid:[4026531836]";
const INITIAL_TIME_SPACE = "time:[4026531834]";

/** Two looks at one machine's start differ by no more, unless its clock was set in between. */
const SAME_START_MS = 5_000;

/** Who this process is, as its lock says it. `/proc` and `/etc` are read on Linux only: elsewhere they may be anything. */
export function identityOf({ pid }: ProcessFacts, machine: MachineFacts): ProcessIdentity {
  const who = { host: machine.hostname(), pid };
  if (machine.platform() !== "linux")
    return { ...who, upSince: new Date(machine.now() - machine.uptimeSeconds() * 1000).toISOString() };
  return {
    ...who,
    machine: machine.readText("/etc/machine-id")?.trim() || undefined,
    boot: machine.readText("/proc/sys/kernel/random/boot_id")?.trim() || undefined,
    pidSpace: pidSpaceOf(pid, machine),
    start: runningProcess(machine.readText("/proc/self/stat"))?.start,
  };
}

/** `unshare --pid` without a `/proc` of its own shows other processes under these numbers; in a time space of its own starts differ. */
function pidSpaceOf(pid: number, machine: MachineFacts): string | undefined {
  const timeSpace = machine.readLink("/proc/self/ns/time") ?? INITIAL_TIME_SPACE;
  if (machine.readLink("/proc/self") !== String(pid) || timeSpace !== INITIAL_TIME_SPACE) return undefined;
  return machine.readLink("/proc/self/ns/pid");
}

/**
 * Whether a lock's owner is provably gone: on this host, boot and pid space there is no such process (or a later one of
 * its number), or it ran on this machine before its last boot. `silentMs`: since the owner's last sign of life, by the clock
 * of the disk: a sign younger than this boot cannot come from an earlier one, whatever the names say.
 */
export function stateOfOwner(
  owner: ProcessIdentity,
  silentMs: number,
  ownProcess: ProcessFacts,
  machine: MachineFacts,
): SeenLock["ownerState"] {
  const me = identityOf(ownProcess, machine);
  if (owner.host !== me.host) return "unknown";
  if (owner.upSince !== undefined && me.upSince !== undefined) {
    const sameStart = Math.abs(Date.parse(owner.upSince) - Date.parse(me.upSince)) <= SAME_START_MS;
    // Without its start a process cannot be told from a later one of its number: that one would keep the lock for ever.
    return sameStart && !ownProcess.exists(owner.pid) ? "gone" : "unknown";
  }
  if (owner.boot === undefined || me.boot === undefined) return "unknown";
  if (owner.boot !== me.boot) {
    const sameMachine = owner.machine !== undefined && owner.machine === me.machine;
    // Inside a container the machine's ID is often that of the image: then it names no machine.
    const outsideContainers = owner.pidSpace === INITIAL_PID_SPACE && me.pidSpace === INITIAL_PID_SPACE;
    const beforeThisBoot = silentMs > machine.uptimeSeconds() * 1000;
    return sameMachine && outsideContainers && beforeThisBoot ? "gone" : "unknown";
  }
  if (owner.pidSpace === undefined || owner.pidSpace !== me.pidSpace) return "unknown";
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
