/** The faults that were asked for: how one is typed, and which request each befalls. */
import { createHash } from "node:crypto";
import { EXIT, type StopError, stopError } from "../shared/problems.js";
import { nearestSpellings } from "../shared/spelling.js";
import type { CallKind } from "./api.js";
import {
  disturbanceOf,
  type Effect,
  FAULT_NAMES,
  FAULTS,
  type FaultName,
  type FaultSetting,
  formsOf,
  nameTest,
  SCOPES,
  type Scope,
} from "./faults.js";

const WHOLE = { rule: /^\d{1,9}$/, told: "a whole number" };
/** What each key of a setting holds. */
const KEYS = {
  on: { rule: /^/, told: "any text" },
  to: { rule: /^/, told: "a scope" },
  times: WHOLE,
  after: WHOLE,
  ms: WHOLE,
  as: { rule: /^/, told: "a form" },
  share: { rule: /^(?:0?\.\d+|[01](?:\.0+)?)$/, told: "a number from 0 to 1" },
  count: WHOLE,
  pattern: { rule: /./, told: "a pattern" },
};

/**
 * Reads one `--fault`: `NAME[=ARGUMENT][,KEY=VALUE…]`. `cut-after=0.1` a share, `expire-key=100` a count,
 * `forbid-tenant=*acme*` a pattern, `no-list=403` a form; the keys of a disturbance are `on to times after ms as`, a trait's
 * is `as`. Throws a StopError (exit 2) that names what is wrong.
 */
export function parseFault(text: string): FaultSetting {
  const [[typed = "", argument] = [], ...pairs] = text
    .split(",")
    .map((pair) => pair.split(/=(.*)/s, 2).map((part) => part.trim()));
  const name = FAULT_NAMES.find((candidate) => candidate === typed);
  if (name === undefined) {
    const near = nearestSpellings(typed, FAULT_NAMES);
    const hint = near.length > 0 ? `Did you mean ${near.join(" or ")}?` : `It knows: ${FAULT_NAMES.join(", ")}`;
    throw stopError(EXIT.usage, "FAULT_UNKNOWN", `the sandbox knows no fault "${typed}"`, { hint, value: typed });
  }
  const wrong = (why: string): StopError =>
    stopError(EXIT.usage, "FAULT_WRONG", `the fault ${name} cannot be set so: ${why}`, {
      hint: `${name}: ${FAULTS[name].summary}`,
    });
  const scopes = disturbanceOf(name)?.to;
  const keys = scopes === undefined ? ["as"] : ["on", "to", "times", "after", "as", ...(name === "late" ? ["ms"] : [])];
  const odd = pairs.find(([key = ""]) => !keys.includes(key))?.[0];
  if (odd !== undefined) throw wrong(`"${odd}" is none of its keys: ${keys.join(", ")}`);
  const kind = argumentKind(name);
  if (argument !== undefined && kind === undefined) throw wrong("it takes no argument");
  if (argument === undefined && needsArgument(name)) throw wrong(`it needs a ${kind}`);
  if (argument !== undefined && kind !== undefined) pairs.push([kind === "form" ? "as" : kind, argument]);
  const values = pairs.map(([key, value = ""]) => {
    const { rule, told } = KEYS[key as keyof typeof KEYS];
    const choices = key === "to" ? scopes : key === "as" ? formsOf(name) : undefined;
    if (choices?.some((choice) => choice === value) === false)
      throw wrong(`"${value}" is none of ${choices.join(", ") || "its forms: it has none"}`);
    if (!rule.test(value)) throw wrong(`"${key}" must be ${told}, not "${value}"`);
    return [key, rule === WHOLE.rule || key === "share" ? Number(value) : value];
  });
  return { name, ...Object.fromEntries(values) };
}

/** What stands behind `=`. */
function argumentKind(name: FaultName) {
  return disturbanceOf(name) === undefined ? FAULTS[name].argument : "share";
}

function needsArgument(name: FaultName): boolean {
  const { argument = "form", usual } = FAULTS[name];
  return argument !== "form" && usual === undefined;
}

/** The table for `sandbox --help`: a line each, the name as it is typed and what it does. */
export function faultLines(): readonly string[] {
  const rows = FAULT_NAMES.map((name) => {
    const disturbance = disturbanceOf(name);
    const kind = argumentKind(name)?.toUpperCase();
    const typed = kind === undefined ? name : name + (needsArgument(name) ? `=${kind}` : `[=${kind}]`);
    const forms = formsOf(name).length > (disturbance === undefined ? 0 : 1) ? ` [${formsOf(name).join(" | ")}]` : "";
    return [`${disturbance?.random ? "*" : " "} ${typed}`, FAULTS[name].summary + forms] as const;
  });
  const width = Math.max(...rows.map(([typed]) => typed.length));
  return [
    ...rows.map(([typed, told]) => `  ${typed.padEnd(width)}  ${told}`),
    "",
    "  * drawn by --chaos. A disturbance may be aimed: cut-after=0.5,on=*acme*,to=creates,times=3,after=10,as=FORM;",
    `    to: ${SCOPES.join(", ")}`,
  ];
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

/** A fault that befalls one request. */
export interface Befallen {
  readonly fault: FaultName;
  readonly effect: Effect;
  readonly lateMs: number;
}

/**
 * Decides what befalls each request. The settings are asked first, in their order; then a share of all requests gets one of
 * the faults that may be drawn. The same seed gives the same faults to the same requests, in whatever order they come.
 */
export class Chaos {
  readonly #chance: SeededChance;
  readonly #share: number;
  /** How many requests of its aim each setting has seen, and how many it befell. */
  readonly #settings: readonly { readonly setting: FaultSetting; seen: number; befell: number }[];
  readonly #sent = new Map<string, number>();

  constructor(chance: SeededChance, share: number, settings: readonly FaultSetting[]) {
    this.#chance = chance;
    this.#share = share;
    this.#settings = settings.map((setting) => ({ setting, seen: 0, befell: 0 }));
  }

  /**
   * What befalls this request; `undefined`: nothing. Counts it. `key`: method, path and name; the same request sent again has the
   * same key.
   */
  next(call: { readonly kind: CallKind; readonly key: string; readonly name: string }): Befallen | undefined {
    const nth = (this.#sent.get(call.key) ?? 0) + 1;
    this.#sent.set(call.key, nth);
    const words = [call.key, nth];
    for (const [index, aimed] of this.#settings.entries()) {
      const { name, on = "*", after = 0, times = Number.POSITIVE_INFINITY, share = 1 } = aimed.setting;
      const to = aimed.setting.to ?? disturbanceOf(name)?.to[0];
      if (to === undefined || !isWithin(call.kind, to) || !nameTest(on)(call.name)) continue;
      aimed.seen += 1;
      if (aimed.seen <= after || aimed.befell >= times) continue;
      if (this.#chance.fraction("setting", ...words, index) >= share) continue;
      aimed.befell += 1;
      return this.#befallen(aimed.setting, words);
    }
    if (this.#chance.fraction("chaos", ...words) >= this.#share) return undefined;
    const drawable = FAULT_NAMES.filter((name) => {
      const disturbance = disturbanceOf(name);
      return disturbance?.random === true && disturbance.to.some((scope) => isWithin(call.kind, scope));
    });
    const name = this.#chance.pick(drawable, "fault", ...words);
    return name === undefined ? undefined : this.#befallen({ name }, words);
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
