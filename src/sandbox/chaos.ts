/** The faults that were asked for: how one is typed, and which request each befalls. */
import { createHash } from "node:crypto";
import { EXIT, type StopError, stopError } from "../shared/problems.js";
import { nearestSpellings } from "../shared/spelling.js";
import type { CallKind } from "./api.js";
import {
  DISTURBANCES,
  type Disturbance,
  disturbanceOf,
  type Effect,
  FAULT_NAMES,
  type FaultName,
  type FaultSetting,
  nameTest,
  SCOPES,
  type Scope,
  TRAITS,
  traitOf,
} from "./faults.js";

const DISTURBANCE_KEYS = ["on", "to", "times", "after", "ms", "as"];

/**
 * Reads one `--fault`: `NAME[=ARGUMENT][,KEY=VALUE…]`. `cut-after=0.1` a share, `expire-key=100` a count,
 * `forbid-tenant=*acme*` a pattern, `no-list=403` a form; the keys of a disturbance are `on to times after ms as`, a trait's
 * is `as`. Throws a StopError (exit 2) that names what is wrong.
 */
export function parseFault(text: string): FaultSetting {
  const [[typed = "", argument], ...pairs] = text.split(",").map((pair) => {
    const [, name = "", value] = /^([^=]*)(?:=([\s\S]*))?$/.exec(pair) ?? [];
    return [name.trim(), value?.trim()] as const;
  }) as [readonly [string, string | undefined], ...(readonly [string, string | undefined])[]];
  const name = FAULT_NAMES.find((candidate) => candidate === typed);
  if (name === undefined) {
    const near = nearestSpellings(typed, FAULT_NAMES);
    const hint = near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `It knows: ${FAULT_NAMES.join(", ")}`;
    throw stopError(EXIT.usage, "FAULT_UNKNOWN", `the sandbox knows no fault "${typed}"`, { hint, value: typed });
  }
  const allowed = disturbanceOf(name) === undefined ? ["as"] : DISTURBANCE_KEYS;
  const odd = pairs.find(([key]) => !allowed.includes(key))?.[0];
  if (odd !== undefined) throw wrong(name, `"${odd}" is none of its keys: ${allowed.join(", ")}`);
  const keys = new Map(pairs);
  const setting: FaultSetting = {
    name,
    ...argumentOf(name, argument),
    ...(keys.has("as") ? { as: keys.get("as") } : {}),
    on: keys.get("on"),
    to: keys.get("to") as Scope | undefined,
    times: whole(name, "times", keys.get("times")),
    after: whole(name, "after", keys.get("after")),
    ms: whole(name, "ms", keys.get("ms")),
  };
  checkFault(setting);
  return setting;
}

function argumentOf(name: FaultName, argument: string | undefined): Partial<FaultSetting> {
  if (argument === undefined) return {};
  switch (argumentKind(name)) {
    case undefined:
      throw wrong(name, "it takes no argument");
    case "form":
      return { as: argument };
    case "pattern":
      return { pattern: argument };
    case "count":
      return { count: whole(name, "its argument", argument) };
    case "share":
      if (!/^\d*\.?\d+$/.test(argument)) throw wrong(name, `"${argument}" is no number`);
      return { share: Number(argument) };
  }
}

/** What stands behind `=`. */
function argumentKind(name: FaultName): "form" | "count" | "share" | "pattern" | undefined {
  const trait = traitOf(name);
  return trait === undefined ? "share" : trait.argument;
}

/** Throws a StopError (exit 2) where a setting cannot be carried out. For settings that were not read from text, too. */
export function checkFault(setting: FaultSetting): void {
  const { name, to, ms, share, as } = setting;
  const [trait, within] = [traitOf(name), disturbanceOf(name)?.within];
  if (to !== undefined && !SCOPES.includes(to)) throw wrong(name, `"to" is one of ${SCOPES.join(", ")}`);
  if (ms !== undefined && name !== "late") throw wrong(name, `"ms" is for late only`);
  const possible: readonly (Scope | undefined)[] = within === "writes" ? ["writes", "creates", "patches"] : [within];
  if (to !== undefined && within !== undefined && !possible.includes(to))
    throw wrong(name, `it can befall ${within} only`);
  if (trait?.argument === "count" && setting.count === undefined && trait.usual === undefined)
    throw wrong(name, "it needs a number");
  if (trait?.argument === "pattern" && !setting.pattern) throw wrong(name, "it needs a pattern");
  if (share !== undefined && !(share >= 0 && share <= 1)) throw wrong(name, "a share is a number from 0 to 1");
  const forms = formsOf(name);
  if (as !== undefined && !forms.includes(as))
    throw wrong(name, forms.length === 0 ? "it has no forms" : `its forms are ${forms.join(", ")}`);
}

/** The forms of a fault by name; none where a trait has only one. */
export function formsOf(name: FaultName): readonly string[] {
  return traitOf(name)?.forms ?? Object.keys(disturbanceOf(name)?.forms ?? {});
}

/** What a fault does, in one line. */
function summaryOf(name: FaultName): string {
  return { ...DISTURBANCES, ...TRAITS }[name].summary;
}

/** The table for `sandbox --help`: a line each, the name as it is typed and what it does. */
export function faultLines(): readonly string[] {
  const rows = FAULT_NAMES.map((name) => {
    const [trait, disturbance] = [traitOf(name), disturbanceOf(name)];
    const kind = argumentKind(name)?.toUpperCase();
    const isNeeded = trait !== undefined && kind !== "FORM" && trait.usual === undefined;
    const typed = kind === undefined ? name : name + (isNeeded ? `=${kind}` : `[=${kind}]`);
    const forms = formsOf(name).length > (trait === undefined ? 1 : 0) ? ` [${formsOf(name).join(" | ")}]` : "";
    return [`${disturbance?.random ? "*" : " "} ${typed}`, summaryOf(name) + forms] as const;
  });
  const width = Math.max(...rows.map(([typed]) => typed.length));
  return [
    ...rows.map(([typed, told]) => `${typed.padEnd(width)}  ${told}`),
    "",
    "* drawn by --chaos. A disturbance may be aimed: cut-after=0.5,on=*acme*,to=creates,times=3,after=10,as=FORM;",
    `  to: ${SCOPES.join(", ")}`,
  ];
}

function whole(name: FaultName, what: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw wrong(name, `${what} must be a whole number`);
  return Number(text);
}

function wrong(name: FaultName, why: string): StopError {
  const hint = `${name}: ${summaryOf(name)}`;
  return stopError(EXIT.usage, "FAULT_WRONG", `the fault ${name} cannot be set so: ${why}`, { hint });
}

/** How much later `late` work is done unless a setting says so, in milliseconds. */
const USUAL_LATENESS_MS = 3000;

/**
 * Chance that depends on what is asked, not on when: the same seed and the same words give the same draw, however requests
 * interleave. So a rehearsal can be repeated although its requests run side by side.
 */
export class SeededChance {
  readonly seed: string;

  constructor(seed: string) {
    this.seed = seed;
  }

  /** From 0 up to, not including, 1. */
  fraction(...words: readonly (string | number)[]): number {
    return this.#digest(words).readUIntBE(0, 6) / 2 ** 48;
  }

  /** A version 4 GUID, in lower case. */
  guid(...words: readonly (string | number)[]): string {
    const bytes = this.#digest(["guid", ...words]);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*/, "$1-$2-$3-$4-$5");
  }

  /** One of several, each as likely as the others; `undefined` where there is none. */
  pick<T>(from: readonly T[], ...words: readonly (string | number)[]): T | undefined {
    return from[Math.floor(this.fraction("pick", ...words) * from.length)];
  }

  #digest(words: readonly (string | number)[]): Buffer {
    return createHash("sha256")
      .update(JSON.stringify([this.seed, ...words]))
      .digest();
  }
}

/** A request as chaos sees it. `key`: method, path and name; the same request sent again has the same key. */
export interface DisturbedCall {
  readonly kind: CallKind;
  readonly key: string;
  readonly name: string;
}

/** A fault that befalls one request. */
export interface Befallen {
  readonly fault: FaultName;
  readonly effect: Effect;
  readonly lateMs: number;
}

/** A disturbance as it was asked for, how many requests of its aim it has seen, and how many it befell. */
interface Aimed extends Disturbance {
  readonly setting: FaultSetting;
  seen: number;
  befell: number;
}

/**
 * Decides what befalls each request. The settings are asked first, in their order; then a share of all requests gets one of
 * the faults that may be drawn. The same seed gives the same faults to the same requests, in whatever order they come.
 */
export class Chaos {
  readonly #chance: SeededChance;
  readonly #share: number;
  readonly #aimed: readonly Aimed[];
  readonly #sent = new Map<string, number>();

  constructor(chance: SeededChance, share: number, settings: readonly FaultSetting[]) {
    this.#chance = chance;
    this.#share = share;
    this.#aimed = settings.flatMap((setting) => {
      const disturbance = disturbanceOf(setting.name);
      return disturbance === undefined ? [] : [{ ...disturbance, setting, seen: 0, befell: 0 }];
    });
  }

  /** What befalls this request; `undefined`: nothing. Counts it. */
  next(call: DisturbedCall): Befallen | undefined {
    const nth = (this.#sent.get(call.key) ?? 0) + 1;
    this.#sent.set(call.key, nth);
    const words = [call.key, nth];
    for (const [index, aimed] of this.#aimed.entries())
      if (this.#befalls(aimed, call, [...words, index])) return this.#befallen(aimed.setting, words);
    if (this.#chance.fraction("chaos", ...words) >= this.#share) return undefined;
    const drawable = FAULT_NAMES.filter((name) => {
      const disturbance = disturbanceOf(name);
      return disturbance?.random === true && isWithin(call.kind, disturbance.to);
    });
    const name = this.#chance.pick(drawable, "fault", ...words);
    return name === undefined ? undefined : this.#befallen({ name }, words);
  }

  #befalls(aimed: Aimed, call: DisturbedCall, words: readonly (string | number)[]): boolean {
    const { to, on = "*", after = 0, times = Number.POSITIVE_INFINITY, share = 1 } = aimed.setting;
    if (!isWithin(call.kind, to ?? aimed.to) || !nameTest(on)(call.name)) return false;
    aimed.seen += 1;
    if (aimed.seen <= after || aimed.befell >= times) return false;
    if (this.#chance.fraction("setting", ...words) >= share) return false;
    aimed.befell += 1;
    return true;
  }

  #befallen({ name, as, ms }: FaultSetting, words: readonly (string | number)[]): Befallen {
    const form = as ?? this.#chance.pick(formsOf(name), "form", ...words) ?? "";
    const effect = disturbanceOf(name)?.forms[form];
    if (effect === undefined) throw new Error(`the fault ${name} has no form "${form}"`);
    return { fault: name, effect, lateMs: ms ?? USUAL_LATENESS_MS };
  }
}

function isWithin(kind: CallKind, scope: Scope): boolean {
  const isWrite = kind === "duplicate" || kind === "patch";
  const within = { all: true, reads: !isWrite, lists: kind === "list", writes: isWrite };
  return { ...within, creates: kind === "duplicate", patches: kind === "patch" }[scope];
}
